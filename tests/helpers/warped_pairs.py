"""Pairs of images that OpenCV warped by a known homography, and the error of an answer."""

import cv2
import numpy as np

from keras_homography.geometry import arrays


def warped_pair(photo, seed, reach, size=(240, 160)):
    """The middle of a photo, uint8 `[height, width]`, and it again with corners moved by up to
    `reach` pixels: `(a, b, a_from_b)`."""
    square = arrays.corners(size).astype(np.float32)
    moves = np.random.default_rng(seed).uniform(-reach, reach, [4, 2]).astype(np.float32)
    a_from_b = cv2.getPerspectiveTransform(square, square + moves)
    left, top = (np.array(arrays.image_size(photo)) - size) // 2
    photo_from_a = np.array([[1, 0, left], [0, 1, top], [0, 0, 1]], np.float64)
    a = np.ascontiguousarray(photo[top : top + size[1], left : left + size[0]])
    b = cv2.warpPerspective(photo, np.linalg.inv(photo_from_a @ a_from_b), size)
    return a, b, a_from_b


def corner_error(a_from_b, expected, size):
    """Mean distance of the corners of B in A, pixels."""
    square = arrays.corners(size)
    moved = arrays.transform_points(a_from_b, square) - arrays.transform_points(expected, square)
    return np.linalg.norm(moved, axis=1).mean()
