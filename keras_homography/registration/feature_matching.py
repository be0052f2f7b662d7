"""Match keypoints by their descriptors, and fit a homography to the matches, with OpenCV."""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

_MAX_CONDITION = 1e12  # of a matrix that can be inverted


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


def root_sift(descriptors: np.ndarray) -> np.ndarray:
    """RootSIFT (Arandjelović and Zisserman 2012) of SIFT descriptors, float32 `[n, 128]`."""
    return np.sqrt(descriptors / (descriptors.sum(axis=1, keepdims=True) + 1e-7))


def match_and_fit(
    keypoints_a: tuple[np.ndarray, np.ndarray],
    keypoints_b: tuple[np.ndarray, np.ndarray],
    threshold: float,
    max_ratio: float = 0.8,
) -> tuple[np.ndarray | None, np.ndarray]:
    """Match keypoints by `match_by_ratio`, and fit a homography to them by `fit_homography`.

    Args:
      keypoints_a: of A: points, float32 `[n, 2]`, pixels, and descriptors, float32 `[n, d]`.
      keypoints_b: the same of B.
      threshold: pixels of A, of an inlier.
      max_ratio: of the distance to the nearest over that to the second nearest.

    Returns:
      `(a_from_b, inliers)`: float64 `[3, 3]`, None if there is none; bool, of the matches.
    """
    (points_a, descriptors_a), (points_b, descriptors_b) = keypoints_a, keypoints_b
    matches: Sequence[cv2.DMatch] = []
    if len(points_a) > 1 and len(points_b) > 1:
        matches = match_by_ratio(descriptors_b, descriptors_a, max_ratio)
    from_b = points_b[[match.queryIdx for match in matches]]
    to_a = points_a[[match.trainIdx for match in matches]]
    return fit_homography(from_b, to_a, threshold)


def fit_homography(
    points_a: np.ndarray, points_b: np.ndarray, threshold: float
) -> tuple[np.ndarray | None, np.ndarray]:
    """Fit a homography to matches of which many may be wrong, by MAGSAC++ (Barath et al. 2020).

    The random numbers come from a state of its own: equal matches give equal answers, whatever the
    caller has set by `cv2.setRNGSeed`.

    Args:
      points_a: float32 `[n, 2]`, pixels.
      points_b: float32 `[n, 2]`, pixels.
      threshold: pixels of B, of an inlier.

    Returns:
      `(b_from_a, inliers)`: float64 `[3, 3]`, None if there is none; bool `[n]`.
    """
    nothing = None, np.zeros(len(points_a), bool)
    if len(points_a) < 4:
        return nothing
    parameters = cv2.UsacParams()
    parameters.threshold = threshold
    parameters.confidence = 0.9999
    parameters.maxIterations = 10_000
    parameters.sampler = cv2.SAMPLING_UNIFORM
    parameters.score = cv2.SCORE_METHOD_MAGSAC
    parameters.loMethod = cv2.LOCAL_OPTIM_SIGMA
    parameters.loIterations = 15
    parameters.loSampleSize = 75
    parameters.randomGeneratorState = 0
    try:
        b_from_a, mask = cv2.findHomography(points_a, points_b, parameters)
    except cv2.error:  # raised for some degenerate sets of points
        return nothing
    if b_from_a is None or not np.isfinite(b_from_a).all():
        return nothing
    if np.linalg.cond(b_from_a) > _MAX_CONDITION:
        return nothing
    return b_from_a, mask.ravel().astype(bool)


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
