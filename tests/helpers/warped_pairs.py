"""Make pairs of images by a known homography with OpenCV, and measure the error of an estimate."""

import cv2
import numpy as np

from keras_homography.geometry import arrays


def warped_pair(image, seed, reach, size=(240, 160)):
    """Crop the middle of an image, and warp it by a random homography.

    Args:
      image: uint8 `[height, width]`.
      seed: of the homography.
      reach: largest offset of a corner along x and y, pixels.
      size: `(width, height)` of both images, pixels.

    Returns:
      `(a, b, a_from_b)`.
    """
    square = arrays.corners(size).astype(np.float32)
    moves = np.random.default_rng(seed).uniform(-reach, reach, [4, 2]).astype(np.float32)
    a_from_b = cv2.getPerspectiveTransform(square, square + moves)
    left, top = (np.array(arrays.image_size(image)) - size) // 2
    image_from_a = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], np.float64)
    a = np.ascontiguousarray(image[top : top + size[1], left : left + size[0]])
    b = cv2.warpPerspective(image, np.linalg.inv(image_from_a @ a_from_b), size)
    return a, b, a_from_b


def corner_error(a_from_b, expected, size):
    """Return the mean distance of the corners of B in A, pixels."""
    square = arrays.corners(size)
    moved = arrays.transform_points(a_from_b, square) - arrays.transform_points(expected, square)
    return np.linalg.norm(moved, axis=1).mean()
