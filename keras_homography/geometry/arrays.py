"""Corners, points and matrices of images in NumPy, float64: the conventions of `geometry`."""

import cv2
import numpy as np


def warp_image(image, b_from_a, size):
    """An image seen from B, and where it covers B (bool)."""
    warped = cv2.warpPerspective(image, b_from_a, size, flags=cv2.INTER_LINEAR)
    white = np.full(image.shape[:2], 255, np.uint8)
    return warped, cv2.warpPerspective(white, b_from_a, size, flags=cv2.INTER_LINEAR) == 255


def normalize(matrix):
    """A matrix with 1 for its last element; None if that vanishes."""
    return matrix / matrix[2, 2] if abs(matrix[2, 2]) > 1e-9 else None


def resizing(from_size, to_size):
    """The matrix that resizing an image is, with half-pixel centers, float64 `[3, 3]`.

    Args: sizes `(width, height)`, in pixels.
    """
    x, y = to_size[0] / from_size[0], to_size[1] / from_size[1]
    return np.array([[x, 0, (x - 1) / 2], [0, y, (y - 1) / 2], [0, 0, 1]], np.float64)


def image_size(image):
    """`(width, height)` of an image, in pixels."""
    return image.shape[1], image.shape[0]


def corners(size):
    """The corners of an image of `(width, height)`, float64 `[4, 2]`: see `geometry`."""
    return np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float64) * size


def transform_points(matrix, points):
    """Points `[n, 2]` through a matrix `[3, 3]`; what lies behind the camera is far away."""
    moved = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return moved[:, :2] / np.maximum(moved[:, 2:], 1e-6)
