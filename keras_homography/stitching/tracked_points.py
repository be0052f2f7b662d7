"""Matched points of two photos whose homography is known to within some pixels."""

import cv2
import numpy as np

from keras_homography.geometry import arrays

_MAX_POINTS = 160  # of a pair
_WINDOW = 21  # pixels, that are compared around a point
_MARGIN = 16  # pixels to the border of where the photos overlap
_MAX_DISPLACEMENT = 8.0  # pixels, from where the homography puts a point
_MAX_ROUND_TRIP = 0.3  # pixels, of a point tracked there and back
_MIN_TRACKED = 24  # below it, the homography says more than the points
_GRID = 7  # points a side, that stand for the homography


def track(
    gray_a: np.ndarray, gray_b: np.ndarray, a_from_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Match points of two photos by tracking them from B to A, aligned with B.

    Points show what a homography cannot: distortion by the lens, and parallax. Where gray levels
    do not track, as across sensors, a grid of points is placed by the homography itself.

    Args:
      gray_a: uint8 `[height, width]`.
      gray_b: the same.
      a_from_b: `[3, 3]`, pixels of B to pixels of A.

    Returns:
      `(points_a, points_b)`: float64 `[n, 2]`, pixels; n is 0 where the photos hardly overlap.
    """
    aligned, covered = arrays.warp_image(gray_a, np.linalg.inv(a_from_b), arrays.image_size(gray_b))
    kernel = np.ones([2 * _MARGIN + 1] * 2, np.uint8)
    padded = np.pad(covered, 1).astype(np.uint8)
    inner = cv2.erode(padded, kernel, borderValue=0)[1:-1, 1:-1]
    if not inner.any():
        return np.empty([0, 2]), np.empty([0, 2])
    spacing = max(4.0, 0.7 * np.sqrt(inner.sum() / _MAX_POINTS))
    points = cv2.goodFeaturesToTrack(gray_b, _MAX_POINTS, 0.005, spacing, mask=inner)
    if points is not None:
        tracked, kept = _there_and_back(gray_b, _equalized(aligned, gray_b, inner > 0), points)
        if kept.sum() >= _MIN_TRACKED:
            points_b = points[kept].reshape(-1, 2).astype(np.float64)
            return arrays.transform_points(a_from_b, tracked[kept]), points_b
    points_b = _grid(inner)
    return arrays.transform_points(a_from_b, points_b), points_b


def _equalized(aligned: np.ndarray, gray_b: np.ndarray, overlap: np.ndarray) -> np.ndarray:
    """Image A at the contrast and brightness of B: tracking compares gray levels."""
    ours, theirs = aligned[overlap], gray_b[overlap]
    gain = float(np.clip(theirs.std() / max(ours.std(), 1.0), 0.25, 4.0))
    return cv2.convertScaleAbs(aligned, None, gain, float(theirs.mean() - gain * ours.mean()))


def _there_and_back(
    gray_b: np.ndarray, aligned: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Track points from B to A and back: float64 `[n, 2]`, and which of them hold, bool `[n]`."""
    window = (_WINDOW, _WINDOW)
    tracked, forward, _ = cv2.calcOpticalFlowPyrLK(
        gray_b, aligned, points, None, winSize=window, maxLevel=1
    )
    returned, backward, _ = cv2.calcOpticalFlowPyrLK(
        aligned, gray_b, tracked, None, winSize=window, maxLevel=1
    )
    moved = np.linalg.norm(tracked - points, axis=-1).ravel()
    missed = np.linalg.norm(returned - points, axis=-1).ravel()
    held = (forward.ravel() > 0) & (backward.ravel() > 0)
    kept = held & (moved < _MAX_DISPLACEMENT) & (missed < _MAX_ROUND_TRIP)
    return tracked.reshape(-1, 2).astype(np.float64), kept


def _grid(overlap: np.ndarray) -> np.ndarray:
    """Points spread over a region, float64 `[n, 2]`."""
    left, top, width, height = cv2.boundingRect(overlap)
    x, y = np.meshgrid(
        np.linspace(left, left + width - 1, _GRID), np.linspace(top, top + height - 1, _GRID)
    )
    points = np.stack([x.ravel(), y.ravel()], axis=-1)
    rows, columns = points[:, 1].astype(int), points[:, 0].astype(int)
    return points[overlap[rows, columns] > 0]
