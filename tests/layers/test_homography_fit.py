"""The fit of a homography against OpenCV, NumPy and known displacements."""

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.in_graph import in_tflite
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_homography import geometry
from keras_homography.layers import cell_grid, homography_fit
from keras_homography.training import losses

PATCH = 64
RANDOM = np.random.default_rng(0)


def features(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def to_units(a_from_b):
    units_from_pixels, pixels_from_units = geometry.normalization(PATCH)
    matrix = units_from_pixels @ a_from_b @ pixels_from_units
    return matrix / matrix[:, 2:, 2:]


def random_h4pt(seed, reach, count=2):
    return np.random.default_rng(seed).uniform(-reach, reach, [count, 4, 2]).astype(np.float32)


def displacements_of(h4pt, cells, information=(0.0, 0.0, 0.0)):
    """The displacements of a perfect network."""
    centers = (cell_grid.units_of_cells(cells)[:2].T + 1) * PATCH / 2 - 0.5
    a_from_b = geometry.matrix_from_h4pt(h4pt, PATCH)
    moved = geometry.transform_points(a_from_b, centers[None]) - centers
    moved = tf.reshape(moved, [-1, cells, cells, 2]) * cells / PATCH
    rest = tf.broadcast_to(tf.constant(information), [len(h4pt), cells, cells, 3])
    return tf.concat([moved, rest], -1)


@tf.function
def fit(displacements):
    return homography_fit.FitHomography(PATCH)(displacements)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.tuples(*[st.floats(-1.0, 1.0)] * 3))
def test_exact_displacements_give_the_exact_homography(seed, information):
    h4pt = random_h4pt(seed, PATCH / 5)
    fitted, a_from_b, _ = fit(displacements_of(h4pt, 8, information))
    # Damping holds each step back a little, in proportion to how far it goes.
    np.testing.assert_allclose(fitted, h4pt, atol=0.01 * PATCH / 5)
    np.testing.assert_allclose(
        a_from_b, to_units(geometry.matrix_from_h4pt(h4pt, PATCH)), atol=5e-3
    )


def test_noisy_displacements_are_fitted_as_opencv_does():
    h4pt = random_h4pt(7, 8, count=1)
    displacements = displacements_of(h4pt, 8).numpy()
    displacements[..., :2] += np.random.default_rng(0).normal(0, 0.02, [1, 8, 8, 2])
    points = (cell_grid.units_of_cells(8)[:2].T + 1) * PATCH / 2 - 0.5
    moved = points + displacements[0, ..., :2].reshape([-1, 2]) * PATCH / 8
    matrix, _ = cv2.findHomography(points, moved, 0)
    expected = geometry.h4pt_from_matrix(tf.constant(matrix[None], tf.float32), PATCH)
    fitted = homography_fit.FitHomography(PATCH)(displacements)[0]
    np.testing.assert_allclose(fitted, expected, atol=0.1)


def test_cells_that_disagree_are_left_out():
    h4pt = random_h4pt(3, 8, count=1)
    displacements = displacements_of(h4pt, 16, (2.0, 0.0, 2.0)).numpy()
    wrong = np.random.default_rng(0).random([16, 16]) < 0.2
    displacements[:, wrong, :2] += 3.0

    def error(displacements):
        fitted = homography_fit.FitHomography(PATCH)(displacements)[0]
        return np.linalg.norm(fitted - h4pt, axis=-1).mean()

    unaware = displacements.copy()
    unaware[..., 2:] = -30.0  # so little information that nothing disagrees
    assert error(displacements) < 0.1 * error(unaware)


def test_an_untrusted_direction_does_not_count():
    h4pt = np.zeros([1, 4, 2], np.float32)
    displacements = displacements_of(h4pt, 8, (2.0, 0.0, -6.0)).numpy()
    displacements[:, ::2, :, 1] += 1.0  # along y, of which L has no information
    sure = displacements_of(h4pt, 8, (2.0, 0.0, 2.0)).numpy()
    mixed = np.where(np.arange(8)[:, None, None] % 2 == 0, displacements, sure)
    np.testing.assert_allclose(homography_fit.FitHomography(PATCH)(mixed)[0], h4pt, atol=0.1)


def test_stages_compose():
    first, second = random_h4pt(4, 6, 1), random_h4pt(5, 3, 1)
    fit = homography_fit.FitHomography(PATCH)
    _, a_from_b, _ = fit(displacements_of(first, 8))
    fitted, _, matches = fit(displacements_of(second, 8), a_from_b)
    both = geometry.compose(
        geometry.matrix_from_h4pt(first, PATCH), geometry.matrix_from_h4pt(second, PATCH)
    )
    np.testing.assert_allclose(fitted, geometry.h4pt_from_matrix(both, PATCH), atol=0.05)
    centers = (cell_grid.units_of_cells(8)[:2].T + 1) * PATCH / 2 - 0.5
    expected = geometry.transform_points(both, centers[None])[0].numpy().T
    np.testing.assert_allclose(matches[0, :2], expected, atol=0.05)


@pytest.mark.parametrize("value", [0.0, 1e3, -1e3])
def test_any_displacement_gives_finite_numbers_and_gradients(value):
    displacements = tf.constant(value + features(2, 8, 8, 5))
    with tf.GradientTape() as tape:
        tape.watch(displacements)
        outputs = homography_fit.FitHomography(PATCH)(displacements)
        total = sum(tf.reduce_sum(tf.abs(output)) for output in outputs)
    assert all(np.isfinite(output).all() for output in outputs)
    assert np.isfinite(tape.gradient(total, displacements)).all()


def test_the_likelihood_is_best_at_the_truth_and_for_honest_precision():
    h4pt = random_h4pt(6, 8, 1)

    def loss(offset, log_information):
        displacements = displacements_of(h4pt, 8, (log_information, 0.0, log_information)).numpy()
        displacements[..., 0] += offset
        matches = homography_fit.FitHomography(PATCH)(displacements)[2]
        return float(losses.match_likelihood(h4pt, matches, PATCH)[0])

    assert loss(0.0, 0.0) < loss(0.1, 0.0) < loss(0.5, 0.0)
    assert loss(0.0, 3.0) < loss(0.0, 0.0)  # right, and confident
    assert loss(1.0, 3.0) > loss(1.0, 0.0)  # wrong, and confident


def test_is_serializable():
    layer = homography_fit.FitHomography(PATCH, name="f")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is homography_fit.FitHomography
    assert copy.get_config() == layer.get_config()


def test_the_layout_of_the_system_is_that_of_the_documented_example():
    layout = homography_fit._system_layout()
    np.testing.assert_array_equal(layout[:2, [0, 1, 8]], [[0, 9, 24], [9, 27, 42]])
    np.testing.assert_array_equal(layout[:, :8], layout[:, :8].T)  # normal equations


def test_the_weighted_fit_is_that_of_numpy():
    """The normal equations from moments against the equations written out."""
    x, y = cell_grid.units_of_cells(4)[:2]
    du, dv = np.float32(0.1) * features(2, 1, 16)
    l11, l21, l22 = features(3, 1, 16) * 0.3 + np.float32([1, 0, 1])[:, None, None]
    information = l11 * l11, l11 * l21, l21 * l21 + l22 * l22
    step = homography_fit._weighted_fit(x, y, (du[None], dv[None]), [i[None] for i in information])
    u, v, zero, one = x + du[0], y + dv[0], np.zeros(16), np.ones(16)
    for_u = np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], -1)
    for_v = np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], -1)
    # Lᵀ times the two equations of a point makes their weight the identity.
    first = l11.T * for_u + l21.T * for_v
    second = l22.T * for_v
    right = np.concatenate([l11[0] * du[0] + l21[0] * dv[0], l22[0] * dv[0]])
    expected = np.linalg.lstsq(np.concatenate([first, second]), right, rcond=None)[0]
    np.testing.assert_allclose(step[0, :, 0], expected, atol=2e-3)


def test_converts_to_tflite():
    h4pt = random_h4pt(8, 8, 1)
    displacements = displacements_of(h4pt, 8).numpy()
    fitted = in_tflite(lambda d: homography_fit.FitHomography(PATCH)(d)[0], displacements)
    np.testing.assert_allclose(fitted, h4pt, atol=0.05)


def test_a_batch_size_stays_known_after_a_trace_for_any():
    """TFLite cannot convert loops over tensors of unknown size."""
    layer = homography_fit.FitHomography(64)
    for size in (None, 1, 3):
        specification = tf.TensorSpec([size, 8, 8, 5], tf.float32)
        traced = tf.function(layer, autograph=False).get_concrete_function(specification)
        assert [shape.as_list() for shape in traced.output_shapes] == [
            [size, 4, 2],
            [size, 3, 3],
            [size, 5, 64],
        ]
