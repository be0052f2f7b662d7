"""How well a homography explains two images: window by window, and by what matches elsewhere."""

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import image_pyramid
from keras_homography.registration.evidence import NO_EVIDENCE, Evidence

_WINDOW_SIDE = 12  # pixels, of the windows of B that are correlated with A
MIN_TEXTURE = 5.0  # gray levels: standard deviation of a textured window
MIN_CORRELATION = 0.6  # of an agreeing window
_PART_SIDE, _SEARCH_RADIUS = 24, 12  # pixels, of template matching
_MIN_MATCH_CORRELATION = 0.8  # of a part that is matched
_MAX_DISPLACEMENT = 2  # pixels, of a part that is where the homography puts it
_MIN_PARTS = 6  # fewer parts give no verdict
_MAX_SCALE, _MAX_STRETCH = 10.0, 24.0  # of a plausible homography
NOT_CLOSE = 0.3  # pixels of the comparison level, from which gray levels may have gone astray
DISAGREES = 0.5  # pixels of the comparison level, from which local light may be the reason
_GRID = 9  # points along each side of B at which it is judged


def _window_means(values: np.ndarray) -> np.ndarray:
    """Means over windows of 12x12 pixels, `[rows, columns]`."""
    height, width = (side // _WINDOW_SIDE for side in values.shape)
    values = values[: height * _WINDOW_SIDE, : width * _WINDOW_SIDE]
    return values.reshape(height, _WINDOW_SIDE, width, _WINDOW_SIDE).mean(axis=(1, 3))


def textured_share(gray: np.ndarray) -> float:
    """Compute the share of windows of an image that have texture.

    Args:
      gray: uint8 `[height, width]`.

    Returns:
      0 to 1; 0 for an image smaller than a window.
    """
    if min(gray.shape) < _WINDOW_SIDE:
        return 0.0
    gray = gray.astype(np.float32)
    variance = _window_means(gray * gray) - np.square(_window_means(gray))
    return float((variance > MIN_TEXTURE**2).mean())


def _shared_scales(
    a_from_b: np.ndarray, size_a: tuple[int, int], size_b: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray] | None:
    """How a homography scales what the two images share, relative to the sizes of the images.

    Returns:
      `(longest, shortest)`, float64 `[n]`: singular values of its Jacobian at points of a grid in B
      that A shows. None if there are none, or one is mirrored or behind the camera.
    """
    if not np.isfinite(a_from_b).all():
        return None
    points = arrays.grid(size_b, _GRID)
    u, v, depth = a_from_b @ np.column_stack([points, np.ones(len(points))]).T
    before = depth > 1e-3 * np.abs(depth).max()
    u, v = u / np.where(before, depth, 1.0), v / np.where(before, depth, 1.0)
    shared = before & (u > 0) & (u < size_a[0]) & (v > 0) & (v < size_a[1])
    if not shared.any():
        return None
    u, v, depth = u[shared], v[shared], depth[shared]
    h, scale = a_from_b, max(size_a) / max(size_b)
    jacobian = np.array(
        [
            [h[0, 0] - u * h[2, 0], h[0, 1] - u * h[2, 1]],
            [h[1, 0] - v * h[2, 0], h[1, 1] - v * h[2, 1]],
        ]
    ) / (depth * scale)
    jacobian = np.moveaxis(jacobian, -1, 0)
    if np.linalg.det(jacobian).min() <= 0:
        return None
    longest, shortest = np.linalg.svd(jacobian, compute_uv=False).T
    return longest, shortest


def is_plausible(a_from_b: np.ndarray, size_a: tuple[int, int], size_b: tuple[int, int]) -> bool:
    """Tell whether a camera could see what the two images share at a homography.

    The part of B that A shows must lie before the camera, not mirrored, and nothing in it may be
    scaled by more than 10 (relative to the sizes of the images) or stretched by more than 24.

    Args:
      a_from_b: `[3, 3]`, pixels.
      size_a: `(width, height)` of A, pixels.
      size_b: `(width, height)` of B, pixels.

    Returns:
      False also for a matrix that is not finite, and for one that leaves nothing in common.
    """
    scales = _shared_scales(a_from_b, size_a, size_b)
    if scales is None:
        return False
    longest, shortest = scales
    return bool(
        longest.max() < _MAX_SCALE
        and shortest.min() > 1.0 / _MAX_SCALE
        and (longest / shortest).max() < _MAX_STRETCH
    )


def measure_stretch(
    a_from_b: np.ndarray, size_a: tuple[int, int], size_b: tuple[int, int]
) -> float:
    """Measure how obliquely one image sees what the two share: 1 / the cosine of the angle.

    Args:
      a_from_b: `[3, 3]`, pixels, plausible.
      size_a: `(width, height)` of A, pixels.
      size_b: `(width, height)` of B, pixels.

    Returns:
      The median of how much longer lengths become in one direction than in the other; from 1.
    """
    scales = _shared_scales(a_from_b, size_a, size_b)
    return 1.0 if scales is None else float(np.median(scales[0] / scales[1]))


def window_correlations(
    pair: image_pyramid.ImagePair, a_from_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Correlate A, warped by a homography, with B: window by window, at the comparison level.

    Args:
      pair: the images.
      a_from_b: `[3, 3]`, pixels of the full images, plausible.

    Returns:
      `(correlations, covered)`: float32 `[rows, columns]`, of windows of 12x12 pixels, NaN where
      one is not covered by A or has texture in neither image; bool `[height, width]`, where A
      covers the level of B.
    """
    level, level_a_from_b = pair.at(a_from_b, pair.comparison_level)
    warped, covered = level.align(level_a_from_b)
    a, b = warped.astype(np.float32), level.gray_b.astype(np.float32)
    mean_a, mean_b = _window_means(a), _window_means(b)
    variance_a = _window_means(a * a) - mean_a**2
    variance_b = _window_means(b * b) - mean_b**2
    covariance = _window_means(a * b) - mean_a * mean_b
    compared = _window_means(covered.astype(np.float32)) > 0.99
    # Textured in either: where the one shows a wall and the other a tree, they do not agree.
    compared &= np.maximum(variance_a, variance_b) > MIN_TEXTURE**2
    correlation = covariance / np.sqrt((variance_a + 1.0) * (variance_b + 1.0))
    return np.where(compared, correlation, np.nan), covered


def measure_evidence(
    pair: image_pyramid.ImagePair, a_from_b: np.ndarray | None, measures_misalignment: bool = True
) -> Evidence:
    """Measure how well the windows of two images agree under a homography.

    Args:
      pair: the images.
      a_from_b: `[3, 3]`, pixels of the full images; or None.
      measures_misalignment: of gray levels and without local light, to compare homographies; else
        that of gray levels stands for both.

    Returns:
      `NO_EVIDENCE` for None and for a homography that is not plausible.
    """
    if a_from_b is None or not is_plausible(a_from_b, pair.size_a, pair.size_b):
        return NO_EVIDENCE
    correlations, covered = window_correlations(pair, a_from_b)
    agreeing = correlations > MIN_CORRELATION
    level, _ = pair.at(a_from_b, pair.comparison_level)
    comparison = pair.compare(a_from_b)
    of_gray = in_other_light = comparison.disagreement()
    if of_gray > (NOT_CLOSE if measures_misalignment else DISAGREES):
        in_other_light = pair.without_local_light.disagreement(a_from_b)
    return Evidence(
        overlap=float(covered.sum() / level.num_pixels),
        windows=int(np.isfinite(correlations).sum()),
        agreeing=int(agreeing.sum()),
        spread=min(1.0, _hull_share(agreeing) * level.gray_b.size / level.num_pixels),
        disagreement=min(of_gray, in_other_light) if of_gray > DISAGREES else of_gray,
        misalignment=float(np.sqrt(of_gray * in_other_light)),
        precise_share=comparison.precise_share(),
    )


def _hull_share(windows: np.ndarray) -> float:
    """Area of the convex hull of selected windows, bool `[rows, columns]`, as a share of all."""
    if not windows.any():
        return 0.0
    y, x = np.nonzero(windows)
    points = np.concatenate([np.stack([x + i, y + j], 1) for i in (0, 1) for j in (0, 1)])
    return float(cv2.contourArea(cv2.convexHull(points.astype(np.int32))) / windows.size)


def measure_displaced_matches(pair: image_pyramid.ImagePair, a_from_b: np.ndarray) -> float:
    """Search A for each textured part of B, around where a homography puts it.

    A high share of displaced parts means that the images agree in parts, but not by one homography.

    Args:
      pair: the images.
      a_from_b: `[3, 3]`, pixels of the full images, plausible.

    Returns:
      The share of parts whose best match is over 2 pixels off, 0 to 1, at the comparison level; 0
      where fewer than 6 parts can be searched for.
    """
    level, level_a_from_b = pair.at(a_from_b, pair.comparison_level)
    b = level.gray_b
    height, width = b.shape
    a, covered = level.align(level_a_from_b)
    side, radius = _PART_SIDE, _SEARCH_RADIUS
    parts = displaced = 0
    for top in range(radius, height - side - radius + 1, side):
        for left in range(radius, width - side - radius + 1, side):
            part = b[top : top + side, left : left + side]
            searched = np.s_[
                top - radius : top + side + radius, left - radius : left + side + radius
            ]
            if part.std() < 2 * MIN_TEXTURE or not covered[searched].all():
                continue
            parts += 1
            correlation = cv2.matchTemplate(a[searched], part, cv2.TM_CCOEFF_NORMED)
            _, best, _, (x, y) = cv2.minMaxLoc(correlation)
            displacement = max(abs(x - radius), abs(y - radius))
            displaced += best > _MIN_MATCH_CORRELATION and displacement > _MAX_DISPLACEMENT
    return displaced / parts if parts >= _MIN_PARTS else 0.0
