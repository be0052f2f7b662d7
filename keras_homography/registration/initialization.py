"""Where a homography between two photos may lie: starts for the refinement, cheapest first."""

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import alignment_evidence
from keras_homography.saving import networks

_FEATURES_SIDE = 800  # the longer side at which keypoints are looked for, at most
_KEYPOINTS = 2000


def _view(pyramid, size, turns=0, zoom=1):
    """What the network sees of a photo.

    Args:
      pyramid: of the photo.
      size: side of the patch.
      turns: by how many times 90 degrees it is turned, against the clock.
      zoom: 2 is the middle half of its width and height.

    Returns:
      `(patch, patch_from_photo)`: uint8 `[size, size]` and the matrix, pixels to pixels.
    """
    full = np.array(arrays.image_size(pyramid[0]))
    level = next((gray for gray in reversed(pyramid) if min(gray.shape) >= size * zoom), pyramid[0])
    side = np.array(arrays.image_size(level))
    part = np.maximum(side // zoom, 1)
    left, top = (side - part) // 2
    crop = level[top : top + part[1], left : left + part[0]]
    method = cv2.INTER_AREA if min(part) >= size else cv2.INTER_LINEAR
    patch = np.rot90(cv2.resize(crop, (size, size), interpolation=method), turns)
    crop_from_level = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
    turn = np.linalg.matrix_power(np.array([[0, 1, 0], [-1, 0, size - 1], [0, 0, 1.0]]), turns)
    patch_from_photo = (
        turn @ arrays.resizing(part, (size, size)) @ crop_from_level @ arrays.resizing(full, side)
    )
    return np.ascontiguousarray(patch), patch_from_photo


def _ask(network, patch_a, patch_b):
    """What a network says of two patches: a matrix, pixels of patch B to patch A, or None."""
    run, size = network
    h4pt = run(networks.stack_patches(patch_a, patch_b))[0]
    if not np.isfinite(h4pt).all():
        return None
    square = arrays.corners((size, size)).astype(np.float32)
    return cv2.getPerspectiveTransform(square, square + np.asarray(h4pt, np.float32))


def from_network(network, pair, turns=0, zoom_a=1, zoom_b=1):
    """What a network says of two photos, each seen as a square.

    Args:
      network: of `networks.open_network`.
      pair: `image_pyramid.ImagePair`.
      turns: by how many times 90 degrees B is turned before.
      zoom_a: of what part of A it is shown: 2 is the middle half of each side.
      zoom_b: of B.

    Returns:
      `a_from_b`, float64 `[3, 3]`, pixels of the photos; None if its answer is no homography.
    """
    patch_a, patch_from_a = _view(pair.pyramid_a, network[1], 0, zoom_a)
    patch_b, patch_from_b = _view(pair.pyramid_b, network[1], turns, zoom_b)
    found = _ask(network, patch_a, patch_b)
    return (
        None
        if found is None
        else arrays.normalize(np.linalg.inv(patch_from_a) @ found @ patch_from_b)
    )


def from_network_after_alignment(network, pair, a_from_b):
    """What a network says once A is warped to where an estimate has B: nearer than before, unless
    the estimate is far off. Arguments and results as of `from_network`."""
    patch_b, patch_from_b = _view(pair.pyramid_b, network[1])
    level, matrix = pair.at(a_from_b, alignment_evidence.comparison_level(pair.pyramid_b))
    size_b = arrays.image_size(pair.pyramid_b[0])
    patch_from_level = patch_from_b @ arrays.resizing(arrays.image_size(level.gray_b), size_b)
    patch_a = cv2.warpPerspective(
        level.gray_a, patch_from_level @ np.linalg.inv(matrix), (network[1], network[1])
    )
    found = _ask(network, patch_a, patch_b)
    if found is None:
        return None
    return arrays.normalize(a_from_b @ np.linalg.inv(patch_from_b) @ found @ patch_from_b)


def from_features(pair):
    """SIFT (Lowe 2004) and MAGSAC++ (Barath et al. 2020) on photos of at most 800 pixels: for what
    lies beyond the network's reach.

    Returns:
      `a_from_b`, float64 `[3, 3]`, pixels of the photos; None if too few keypoints match.
    """
    detector = cv2.SIFT.create(nfeatures=_KEYPOINTS, contrastThreshold=0.02)
    keypoints, descriptors, scales = [], [], []
    for pyramid in (pair.pyramid_a, pair.pyramid_b):
        gray = next((g for g in pyramid if max(g.shape) <= _FEATURES_SIDE), pyramid[-1])
        points, described = detector.detectAndCompute(gray, None)
        if len(points) < 4:
            return None
        keypoints.append(np.array([point.pt for point in points], np.float32))
        descriptors.append(described)
        scales.append(arrays.resizing(arrays.image_size(pyramid[0]), arrays.image_size(gray)))
    nearest = cv2.BFMatcher(cv2.NORM_L2).knnMatch(descriptors[1], descriptors[0], k=2)
    good = [
        near[0] for near in nearest if len(near) == 2 and near[0].distance < 0.8 * near[1].distance
    ]
    if len(good) < 4:
        return None
    points_a = keypoints[0][[match.trainIdx for match in good]]
    points_b = keypoints[1][[match.queryIdx for match in good]]
    cv2.setRNGSeed(0)  # so that the same photos always give the same answer
    try:
        found, _ = cv2.findHomography(points_b, points_a, cv2.USAC_MAGSAC, 1.5)
    except cv2.error:  # raised for some degenerate sets of points
        return None
    if found is None:
        return None
    return arrays.normalize(np.linalg.inv(scales[0]) @ found @ scales[1])
