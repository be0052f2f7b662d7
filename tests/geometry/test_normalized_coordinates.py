"""Units of half a patch about its center, and steps in them."""

import numpy as np
import pytest
import tensorflow as tf

from keras_homography import geometry


@pytest.mark.parametrize("size", [16, 128])
def test_units_run_from_minus_one_to_one_over_the_outline(size):
    units_from_pixels, pixels_from_units = geometry.normalization(size)
    outline = np.array([[-0.5, -0.5], [size - 0.5, size - 0.5], [(size - 1) / 2, 0.0]])
    units = geometry.transform_points(units_from_pixels, outline)
    expected = [[-1, -1], [1, 1], [0, 1 / size - 1]]
    np.testing.assert_allclose(units, expected, atol=1e-6)
    np.testing.assert_allclose(units_from_pixels @ pixels_from_units, np.eye(3), atol=1e-5)


def test_a_homography_of_resized_patches_is_the_same_in_units():
    h4pt = np.random.default_rng(0).uniform(-20, 20, [4, 2]).astype(np.float32)
    a_from_b = geometry.matrix_from_h4pt(h4pt, 128)
    half = geometry.rescale(a_from_b, [0.5, 0.5], [0.5, 0.5])
    in_units = []
    for matrix, size in ((a_from_b, 128), (half, 64)):
        units_from_pixels, pixels_from_units = geometry.normalization(size)
        in_units.append(
            geometry.compose(geometry.compose(units_from_pixels, matrix), pixels_from_units)
        )
    np.testing.assert_allclose(*in_units, atol=1e-5)


def test_a_zero_step_changes_nothing():
    a_from_b = geometry.matrix_from_h4pt(np.ones([2, 4, 2], np.float32), 2)
    np.testing.assert_allclose(geometry.move(a_from_b, tf.zeros([2, 8, 1])), a_from_b, atol=1e-6)


def test_a_step_is_applied_in_b():
    a_from_b = geometry.translation([[3.0, 4.0]])
    step = np.zeros([1, 8, 1], np.float32)
    step[0, [0, 2], 0] = 0.5, 0.25  # x -> 1.5 x + 0.25
    moved = geometry.move(a_from_b, step)
    np.testing.assert_allclose(
        geometry.transform_points(moved, [[[2.0, 1.0]]]), [[[2 * 1.5 + 0.25 + 3, 5.0]]], atol=1e-6
    )
    assert moved[0, 2, 2] == 1.0


def test_a_last_element_near_zero_does_not_diverge():
    a_from_b = tf.constant([[[1.0, 0, 0], [0, 1, 0], [0, -1.0, 1]]])
    step = np.zeros([1, 8, 1], np.float32)
    step[0, 5, 0] = 0.99  # the last element becomes 0.01
    assert np.abs(geometry.move(a_from_b, step)).max() <= 2.0 / 0.2
