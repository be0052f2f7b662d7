"""Initializations of a homography between two images: from a network, and from SIFT features."""

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import feature_matching, image_pyramid
from keras_homography.saving import networks

_MAX_FEATURES_SIDE = 800  # pixels: longer side of an image in which keypoints are detected
_MAX_KEYPOINTS = 2000


def from_network(
    network: networks.Network,
    pair: image_pyramid.ImagePair,
    quarter_turns: int = 0,
    zoom_a: int = 1,
    zoom_b: int = 1,
) -> np.ndarray | None:
    """Estimate a homography by a network, each image resized to one of its patches.

    Args:
      network: maps a pair of patches to corner offsets.
      pair: the images.
      quarter_turns: number of counterclockwise turns by 90 degrees of B before it is resized.
      zoom_a: 1 for all of A, 2 for the middle half of its width and height.
      zoom_b: the same of B.

    Returns:
      `a_from_b`, float64 `[3, 3]`, pixels of the full images; None if the network's output is no
      homography.
    """
    size = network.patch_size
    patch_a, patch_from_a = _resized_patch(pair.pyramid_a, size, 0, zoom_a)
    patch_b, patch_from_b = _resized_patch(pair.pyramid_b, size, quarter_turns, zoom_b)
    patch_a_from_b = _predict(network, patch_a, patch_b)
    if patch_a_from_b is None:
        return None
    return arrays.normalize(np.linalg.inv(patch_from_a) @ patch_a_from_b @ patch_from_b)


def from_network_after_alignment(
    network: networks.Network, pair: image_pyramid.ImagePair, a_from_b: np.ndarray
) -> np.ndarray | None:
    """Correct a homography by a network that compares B with A warped by that homography.

    The remaining motion is smaller than that between the images, unless `a_from_b` is far off.

    Args:
      network: maps a pair of patches to corner offsets.
      pair: the images.
      a_from_b: `[3, 3]`, pixels of the full images.

    Returns:
      As `from_network`.
    """
    size = network.patch_size
    patch_b, patch_from_b = _resized_patch(pair.pyramid_b, size)
    level, level_a_from_b = pair.at(a_from_b, pair.comparison_level)
    patch_from_level = patch_from_b @ arrays.resizing(arrays.image_size(level.gray_b), pair.size_b)
    patch_a = cv2.warpPerspective(
        level.gray_a, patch_from_level @ np.linalg.inv(level_a_from_b), (size, size)
    )
    correction = _predict(network, patch_a, patch_b)
    if correction is None:
        return None
    return arrays.normalize(a_from_b @ np.linalg.inv(patch_from_b) @ correction @ patch_from_b)


def from_features(pair: image_pyramid.ImagePair) -> np.ndarray | None:
    """Estimate a homography by SIFT (Lowe 2004) and MAGSAC++ (Barath et al. 2020).

    For motions beyond the reach of the network. Keypoints are detected at no more than 800 pixels a
    side. The random state of the caller's OpenCV is neither used nor changed.

    Args:
      pair: the images.

    Returns:
      `a_from_b`, float64 `[3, 3]`, pixels of the full images; None if fewer than four keypoints
      match, or no homography explains them.
    """
    points_a, descriptors_a, level_from_a = _detect_keypoints(pair.pyramid_a)
    points_b, descriptors_b, level_from_b = _detect_keypoints(pair.pyramid_b)
    if len(points_a) < 4 or len(points_b) < 4:
        return None
    matches = feature_matching.match_by_ratio(descriptors_b, descriptors_a)
    if len(matches) < 4:
        return None
    points_a = points_a[[match.trainIdx for match in matches]]
    points_b = points_b[[match.queryIdx for match in matches]]
    level_a_from_b = feature_matching.find_homography(points_b, points_a, _magsac_parameters())
    if level_a_from_b is None:
        return None
    return arrays.normalize(np.linalg.inv(level_from_a) @ level_a_from_b @ level_from_b)


def _resized_patch(
    pyramid: list[np.ndarray], size: int, quarter_turns: int = 0, zoom: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Resize an image, or its middle, to a network's patch.

    Returns:
      `(patch, patch_from_image)`: uint8 `[size, size]`, and the matrix from pixels to pixels.
    """
    full = arrays.image_size(pyramid[0])
    level = next((gray for gray in reversed(pyramid) if min(gray.shape) >= size * zoom), pyramid[0])
    side = np.array(arrays.image_size(level))
    part = np.maximum(side // zoom, 1)
    left, top = (side - part) // 2
    crop = level[top : top + part[1], left : left + part[0]]
    method = cv2.INTER_AREA if min(part) >= size else cv2.INTER_LINEAR
    patch = np.rot90(cv2.resize(crop, (size, size), interpolation=method), quarter_turns)
    crop_from_level = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
    quarter_turn = np.array([[0, 1, 0], [-1, 0, size - 1], [0, 0, 1.0]])
    patch_from_image = (
        np.linalg.matrix_power(quarter_turn, quarter_turns)
        @ arrays.resizing(part, (size, size))
        @ crop_from_level
        @ arrays.resizing(full, side)
    )
    return np.ascontiguousarray(patch), patch_from_image


def _predict(
    network: networks.Network, patch_a: np.ndarray, patch_b: np.ndarray
) -> np.ndarray | None:
    """Homography from pixels of patch B to pixels of patch A; None if it is not finite."""
    h4pt = network(networks.stack_patches(patch_a, patch_b))[0]
    if not np.isfinite(h4pt).all():
        return None
    corners = arrays.corners((network.patch_size, network.patch_size)).astype(np.float32)
    return cv2.getPerspectiveTransform(corners, corners + np.asarray(h4pt, np.float32))


def _detect_keypoints(pyramid: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """SIFT on the finest level of at most 800 pixels a side.

    Returns:
      `(points, descriptors, level_from_image)`: float32 `[n, 2]`, pixels of the level; float32
      `[n, 128]`; and the matrix from the full image to the level.
    """
    gray = next((g for g in pyramid if max(g.shape) <= _MAX_FEATURES_SIDE), pyramid[-1])
    detector = cv2.SIFT.create(nfeatures=_MAX_KEYPOINTS, contrastThreshold=0.02)
    keypoints, descriptors = detector.detectAndCompute(gray, None)
    points = np.array([keypoint.pt for keypoint in keypoints], np.float32)
    level_from_image = arrays.resizing(arrays.image_size(pyramid[0]), arrays.image_size(gray))
    return points, descriptors, level_from_image


def _magsac_parameters() -> "cv2.UsacParams":
    """What `cv2.findHomography(..., cv2.USAC_MAGSAC, 1.5)` stands for, with its seed written out.

    The random numbers come from `randomGeneratorState`: equal images give equal answers, whatever
    the caller has set by `cv2.setRNGSeed`.
    """
    parameters = cv2.UsacParams()
    parameters.threshold = 1.5  # pixels of the level
    parameters.confidence = 0.995
    parameters.maxIterations = 2000
    parameters.sampler = cv2.SAMPLING_UNIFORM
    parameters.score = cv2.SCORE_METHOD_MAGSAC
    parameters.loMethod = cv2.LOCAL_OPTIM_SIGMA
    parameters.loIterations = 15
    parameters.loSampleSize = 75
    parameters.randomGeneratorState = 0
    return parameters
