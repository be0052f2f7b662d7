"""An initial homography by SIFT (Lowe 2004), for what dense features of a coarse grid do not find.

Its keypoints lie between the parts that something occludes, and it tells scales apart by itself.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import feature_matching, image_pyramid

_MAX_SIDE = 800  # pixels: longer side of the level in which keypoints are detected
_MIN_SIDE = 400  # pixels: smaller images are enlarged twice
_MAX_KEYPOINTS = 2000
_MIN_CONTRAST = 0.02  # of a keypoint; OpenCV's default, 0.04, leaves too few in small images
_MAX_RATIO = 0.85  # of the distances of descriptors
_THRESHOLD = 2.0  # pixels, of an inlier
_MIN_INLIERS = 8  # below it, a homography is one of chance


def find_a_from_b(pair: image_pyramid.ImagePair) -> np.ndarray | None:
    """Match the keypoints of two images, and fit a homography.

    Args:
      pair: the images.

    Returns:
      `a_from_b`, float64 `[3, 3]`, pixels of the full images; None if hardly any matches agree.
    """
    keypoints_a, resized_from_a = _detect(pair.pyramid_a, pair.masks_a, pair.size_a)
    keypoints_b, resized_from_b = _detect(pair.pyramid_b, pair.masks_b, pair.size_b)
    a_from_b, inliers = feature_matching.match_and_fit(
        keypoints_a, keypoints_b, _THRESHOLD, _MAX_RATIO
    )
    if a_from_b is None or inliers.sum() < _MIN_INLIERS:
        return None
    return arrays.normalize(np.linalg.inv(resized_from_a) @ a_from_b @ resized_from_b)


def _detect(
    pyramid: Sequence[np.ndarray], masks: Sequence[np.ndarray] | None, size: tuple[int, int]
) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    """Detect keypoints in one level of an image.

    Returns:
      `(keypoints, resized_from_image)`: points, float32 `[n, 2]`, pixels of the resized image, and
      their descriptors, float32 `[n, 128]`, RootSIFT; and `[3, 3]`.
    """
    index = image_pyramid.finest_level(pyramid, _MAX_SIDE)
    gray, mask = pyramid[index], None if masks is None else masks[index].astype(np.uint8)
    if max(gray.shape) < _MIN_SIDE:
        gray = cv2.resize(gray, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        if mask is not None:
            mask = cv2.resize(mask, gray.shape[::-1], interpolation=cv2.INTER_NEAREST)
    sift = cv2.SIFT.create(nfeatures=_MAX_KEYPOINTS, contrastThreshold=_MIN_CONTRAST)
    keypoints, descriptors = sift.detectAndCompute(gray, mask)
    resized_from_image = arrays.resizing(size, arrays.image_size(gray))
    if descriptors is None:
        nothing = np.empty([0, 2], np.float32), np.empty([0, 128], np.float32)
        return nothing, resized_from_image
    points = np.array([keypoint.pt for keypoint in keypoints], np.float32)
    return (points, feature_matching.root_sift(descriptors)), resized_from_image
