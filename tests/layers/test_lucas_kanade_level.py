"""Points that Lucas–Kanade compares, and samples of A, against NumPy and OpenCV."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_homography import geometry
from keras_homography.layers import lucas_kanade_level

SIZE = 32


@pytest.fixture(scope="module")
def pairs():
    noise = np.random.default_rng(0).uniform(0, 255, [2, SIZE, SIZE, 2])
    return np.stack([cv2.GaussianBlur(pair, (0, 0), 1.5) for pair in noise]).astype(np.float32)


def test_gradients_are_central_differences(pairs):
    patch = pairs[..., 0]
    planes = lucas_kanade_level.gray_and_gradients(patch.reshape(2, 1, -1)).numpy()
    gray, gradient_x, gradient_y = planes.reshape(2, 3, SIZE, SIZE).transpose(1, 0, 2, 3)
    np.testing.assert_array_equal(gray, patch)
    inner = np.s_[:, 1:-1, 1:-1]
    expected_y, expected_x = np.gradient(patch, axis=(1, 2))
    np.testing.assert_allclose(gradient_x[inner], expected_x[inner], atol=1e-4)
    np.testing.assert_allclose(gradient_y[inner], expected_y[inner], atol=1e-4)
    for gradient in (gradient_x, gradient_y):
        gradient[inner] = 0
        np.testing.assert_array_equal(gradient, np.zeros_like(gradient))


@pytest.mark.parametrize("block", [2, 4])
def test_the_strongest_point_of_every_block(pairs, block):
    gradients = np.random.default_rng(1).normal(size=[2, 2, SIZE, SIZE]).astype(np.float32)
    column, row = lucas_kanade_level.strongest_points(*gradients.reshape(2, 2, 1, -1), block)
    strength = np.square(gradients).sum(axis=0)
    for i in range(2):
        for y in range(SIZE // block):
            for x in range(SIZE // block):
                top, left = y * block, x * block
                around = strength[i, top : top + block, left : left + block]
                assert strength[i, row[i, y, x], column[i, y, x]] == around.max()
                assert top <= row[i, y, x] < top + block
                assert left <= column[i, y, x] < left + block


def test_a_level_holds_gray_levels_and_gradients_of_its_points(pairs):
    level = lucas_kanade_level.Level(tf.constant(pairs), block=2)
    column, row = (
        np.rint((np.array(z) + 1) * SIZE / 2 - 0.5).astype(int) for z in (level.x, level.y)
    )
    for i in range(2):
        b = pairs[i, ..., 1]
        y, x = row[i, 0], column[i, 0]
        np.testing.assert_array_equal(level.b[i, 0], b[y, x])
        inner = (x > 0) & (x < SIZE - 1) & (y > 0) & (y < SIZE - 1)
        expected = 0.5 * (b[y[inner], x[inner] + 1] - b[y[inner], x[inner] - 1]) * SIZE / 2
        np.testing.assert_allclose(level.gradient_x[i, 0][inner], expected, rtol=1e-4)


def test_samples_and_gradients_are_those_of_the_warped_image(pairs):
    h4pt = np.random.default_rng(2).uniform(-3, 3, [2, 4, 2]).astype(np.float32)
    units_from_pixels, pixels_from_units = geometry.normalization(SIZE)
    a_from_b = units_from_pixels @ geometry.matrix_from_h4pt(h4pt, SIZE) @ pixels_from_units
    level = lucas_kanade_level.Level(tf.constant(pairs), block=2)
    gray, gradient_x, _, visible = (np.array(part)[:, 0] for part in level.sample(a_from_b))
    points = np.stack([level.x[:, 0], level.y[:, 0]], -1) * SIZE / 2 + (SIZE / 2 - 0.5)
    for i in range(2):
        matrix = geometry.matrix_from_h4pt(h4pt, SIZE)[i].numpy().astype(np.float64)

        def warped(points, matrix=matrix, patch=pairs[i, ..., 0]):
            moved = cv2.perspectiveTransform(points[None].astype(np.float64), matrix)[0]
            return cv2.remap(patch, moved.astype(np.float32)[None], None, cv2.INTER_LINEAR)[
                0
            ], moved

        expected, moved = warped(points[i])
        inside = ((moved >= 1) & (moved <= SIZE - 2.01)).all(axis=1)
        assert inside.mean() > 0.5
        np.testing.assert_array_equal(visible[i] > 0.5, inside)
        # OpenCV rounds to 1/32 of a pixel.
        np.testing.assert_allclose(gray[i, inside], expected[inside], atol=2.0)
        ahead, behind = (warped(points[i] + [offset, 0])[0] for offset in (1, -1))
        numeric = 0.5 * (ahead - behind) * SIZE / 2
        correlation = np.corrcoef(gradient_x[i, inside], numeric[inside])[0, 1]
        assert correlation > 0.98
