"""Measure where the photos of a panorama lie."""

import numpy as np

from keras_homography.geometry import arrays


def largest_error(b_from_a, expected, size_a, size_b):
    """Largest distance of the pixels of A that B shows from where they should be in B, pixels."""
    x, y = np.meshgrid(np.linspace(0, size_a[0] - 1, 9), np.linspace(0, size_a[1] - 1, 9))
    points = np.stack([x.ravel(), y.ravel()], axis=-1)
    places = arrays.transform_points(expected / expected[2, 2], points)
    shown = ((places >= 0) & (places < size_b)).all(axis=1)
    assert shown.sum() >= 8
    moved = arrays.transform_points(b_from_a / b_from_a[2, 2], points[shown])
    return np.linalg.norm(moved - places[shown], axis=1).max()
