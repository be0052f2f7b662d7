"""Corners, points, matrices and warps in NumPy and OpenCV, float64, without TensorFlow.

A size is `(width, height)`, as in OpenCV. The conventions are in `geometry`.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

# A homogeneous coordinate below this counts as a point at infinity.
_MIN_W = 1e-6
# A matrix whose last element is below this cannot be scaled so that it is 1.
_MIN_SCALE = 1e-9


def image_size(image: np.ndarray) -> tuple[int, int]:
    """Return `(width, height)` of an image `[height, width, ...]`, in pixels."""
    return image.shape[1], image.shape[0]


def grid(size: tuple[int, int], count: int) -> np.ndarray:
    """Spread points over an image, from edge to edge.

    Args:
      size: `(width, height)`, pixels.
      count: of the points along each side.

    Returns:
      float64 `[count * count, 2]`, `(x, y)`, 0 to the size.
    """
    line = np.linspace(0.0, 1.0, count)
    return np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2) * size


def corners(size: Sequence[float] | npt.NDArray) -> npt.NDArray[np.float64]:
    """Return the corners of an image.

    Args:
      size: `(width, height)`, in pixels.

    Returns:
      float64 `[4, 2]`: top-left, top-right, bottom-right, bottom-left.
    """
    return np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64) * size


def transform_points(matrix: np.ndarray, points: np.ndarray) -> npt.NDArray[np.float64]:
    """Map points through a homography.

    Args:
      matrix: `[3, 3]`, `target_from_source`.
      points: `[n, 2]`, pixels of the source.

    Returns:
      float64 `[n, 2]`, pixels of the target. Points on or behind the horizon, which no camera
      could see, come out very far away, not infinite.
    """
    homogeneous = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return homogeneous[:, :2] / np.maximum(homogeneous[:, 2:], _MIN_W)


def normalize(matrix: np.ndarray) -> npt.NDArray[np.float64] | None:
    """Scale a matrix `[3, 3]` so that its last element is 1; None if that element vanishes."""
    return matrix / matrix[2, 2] if abs(matrix[2, 2]) > _MIN_SCALE else None


def resizing(
    from_size: Sequence[float] | npt.NDArray, to_size: Sequence[float] | npt.NDArray
) -> npt.NDArray[np.float64]:
    """Return the homography of resizing an image, half-pixel centers kept.

    Args:
      from_size: `(width, height)` before, in pixels.
      to_size: `(width, height)` after, in pixels.

    Returns:
      float64 `[3, 3]`, pixels of the old image to pixels of the new.
    """
    x, y = to_size[0] / from_size[0], to_size[1] / from_size[1]
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]], np.float64)


def warp_image(
    image: np.ndarray, b_from_a: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, npt.NDArray[np.bool_]]:
    """Warp image A into the frame of image B, bilinear.

    Args:
      image: A, `[height, width]` or `[height, width, c]`, uint8 or float32.
      b_from_a: float64 `[3, 3]`, pixels of A to pixels of B.
      size: `(width, height)` of B, in pixels.

    Returns:
      `(warped, mask)`: the image in the frame of B, of the type of A, 0 outside A; and where A
      covers B, bool `[height, width]`.
    """
    warped = cv2.warpPerspective(image, b_from_a, size, flags=cv2.INTER_LINEAR)
    white = np.full(image.shape[:2], 255, np.uint8)
    return warped, cv2.warpPerspective(white, b_from_a, size, flags=cv2.INTER_LINEAR) == 255
