"""Centers of cells, and homographies applied to them."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_homography import geometry
from keras_homography.layers import cell_grid


@pytest.mark.parametrize(("cells", "margin"), [(4, 0), (8, 2)])
def test_centers_are_those_of_blocks_of_pixels(cells, margin):
    size = 32
    units_from_pixels, _ = geometry.normalization(size)
    centers = (np.arange(-margin, cells + margin) + 0.5) * size / cells - 0.5  # pixels
    x, y = (part.ravel() for part in np.meshgrid(centers, centers))
    expected = units_from_pixels @ np.stack([x, y, np.ones_like(x)])
    np.testing.assert_allclose(cell_grid.units_of_cells(cells, margin), expected, atol=1e-6)


def test_points_are_transformed_as_by_opencv():
    matrices = np.eye(3) + np.random.default_rng(0).uniform(-0.1, 0.1, [2, 3, 3])
    points = cell_grid.units_of_cells(4)
    u, v = cell_grid.transform_cells(tf.constant(matrices, tf.float32), points)
    assert u.shape == v.shape == (2, 1, 16)
    for i, matrix in enumerate(matrices):
        expected = cv2.perspectiveTransform(points[None, :2].transpose(0, 2, 1), matrix)[0].T
        np.testing.assert_allclose(np.stack([u[i, 0], v[i, 0]]), expected, atol=1e-5)


def test_points_behind_the_camera_are_finite():
    behind = np.diag([1.0, 1.0, -1.0]).astype(np.float32)[None]
    u, v = cell_grid.transform_cells(tf.constant(behind), cell_grid.units_of_cells(4))
    assert np.isfinite(u).all()
    assert np.isfinite(v).all()
