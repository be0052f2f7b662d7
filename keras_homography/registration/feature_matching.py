"""Match keypoints by their descriptors, and fit a homography to the matches, with OpenCV."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np


def match_by_ratio(
    descriptors_b: np.ndarray, descriptors_a: np.ndarray, max_ratio: float = 0.8
) -> Sequence[cv2.DMatch]:
    """Match every keypoint of B to its nearest of A, if the second nearest is not as near.

    That is the ratio test of Lowe 2004, section 7.1.

    Args:
      descriptors_b: float32 `[n, d]`.
      descriptors_a: float32 `[m, d]`.
      max_ratio: of the distance to the nearest over that to the second nearest.

    Returns:
      `cv2.DMatch`es: `queryIdx` counts in B, `trainIdx` in A.
    """
    nearest = cv2.BFMatcher(cv2.NORM_L2).knnMatch(descriptors_b, descriptors_a, k=2)
    return [
        best[0]
        for best in nearest
        if len(best) == 2 and best[0].distance < max_ratio * best[1].distance
    ]


def find_homography(source: np.ndarray, target: np.ndarray, *method: Any) -> np.ndarray | None:
    """Fit a homography to matched points; never raise for degenerate ones.

    Args:
      source: float32 `[n, 2]`, n at least 4.
      target: float32 `[n, 2]`.
      *method: of `cv2.findHomography`: a method and a threshold in pixels, or `cv2.UsacParams`.

    Returns:
      `target_from_source`, float64 `[3, 3]`; None if OpenCV finds none.
    """
    try:
        target_from_source, _ = cv2.findHomography(source, target, *method)
    except cv2.error:  # raised for some degenerate sets of points
        return None
    return target_from_source
