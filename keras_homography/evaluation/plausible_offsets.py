"""Convert OpenCV's homographies to corner offsets, and refuse implausible ones."""

import cv2
import numpy as np
import numpy.typing as npt

from keras_homography.geometry import arrays


def h4pt_from_matrix(a_from_b: npt.ArrayLike | None, size: int) -> npt.NDArray[np.float64] | None:
    """Compute the corner offsets of a homography, and refuse implausible ones.

    Args:
      a_from_b: float `[3, 3]`, pixels to pixels, or None.
      size: side of the patch, in pixels.

    Returns:
      float64 `[4, 2]`, pixels; None if there is no matrix, or it maps the patch to a quad that is
      not convex, or moves a corner by more than the side of the patch: four times what any protocol
      does.
    """
    if a_from_b is None:
        return None
    square = arrays.corners((size, size))
    quad = cv2.perspectiveTransform(square[None], np.asarray(a_from_b, np.float64))[0]
    return quad - square if _is_plausible(quad, square) else None


def _is_plausible(quad: np.ndarray, square: np.ndarray) -> bool:
    """Tell whether a quad `[4, 2]` is convex, not mirrored, and near the square it comes from."""
    edges = np.roll(quad, -1, axis=0) - quad
    next_edges = np.roll(edges, -1, axis=0)
    doubled_areas = edges[:, 0] * next_edges[:, 1] - edges[:, 1] * next_edges[:, 0]
    return bool(doubled_areas.min() > 0.0 and np.abs(quad - square).max() <= square.max())
