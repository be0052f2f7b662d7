"""Correlation against its definition; the fit against OpenCV and known displacements."""

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.in_graph import eager_and_in_tf_data, in_tflite
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_homography import geometry
from keras_homography.geometry import warping
from keras_homography.layers import cell_grid, correlation, homography_fit, patch_features
from keras_homography.training import losses

PATCH = 64
RANDOM = np.random.default_rng(0)


def features(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def test_patches_are_standardized():
    pairs = np.stack([np.full([16, 16], 70.0), RANDOM.normal(100, 40, [16, 16])], -1)[None]
    flat, noisy = patch_features.StandardizePatches()(pairs.astype(np.float32))
    np.testing.assert_array_equal(flat, np.zeros([1, 16, 16, 1]))
    assert abs(float(tf.reduce_mean(noisy))) < 1e-5
    assert float(tf.math.reduce_std(noisy)) == pytest.approx(1.0, abs=0.01)
    darker = patch_features.StandardizePatches()((pairs * 0.5 - 9).astype(np.float32))[1]
    np.testing.assert_allclose(darker, noisy, rtol=0.03)


def test_unit_features_do_not_depend_on_their_length():
    x = 10 * features(2, 4, 4, 8)
    unit = patch_features.UnitFeatures()
    np.testing.assert_allclose(unit(3 * x), unit(x), atol=0.01)
    np.testing.assert_allclose(tf.norm(unit(x), axis=-1), 4.0, atol=0.01)


def correlation_by_definition(b, a, margin):
    cells = b.shape[1]
    shifted = [
        (b * a[:, y : y + cells, x : x + cells]).sum(-1)
        for y in range(2 * margin + 1)
        for x in range(2 * margin + 1)
    ]
    return np.stack(shifted, -1)


def test_correlation_is_the_product_for_every_displacement():
    b, a = features(2, 6, 6, 3), features(2, 10, 10, 3)
    eager, in_graph = eager_and_in_tf_data(lambda b, a: correlation.Correlation()(b, a), b, a)
    np.testing.assert_allclose(eager, correlation_by_definition(b, a, 2), atol=1e-5)
    np.testing.assert_allclose(in_graph, eager, atol=1e-6)


def test_block_correlation_is_the_sum_over_blocks():
    b, a = features(2, 8, 8, 3), features(2, 14, 14, 3)
    full = correlation_by_definition(b, a, 3).reshape([2, 4, 2, 4, 2, 7, 7])
    by_block = full.sum(axis=(2, 4)).reshape([2, 4, 4, 49])
    # In order of the parities of the displacements first.
    order = [
        7 * y + x
        for first_y in (0, 1)
        for first_x in (0, 1)
        for y in range(first_y, 7, 2)
        for x in range(first_x, 7, 2)
    ]
    found = correlation.BlockCorrelation()(b, a)
    np.testing.assert_allclose(found, by_block[..., order], atol=1e-5)


def to_units(a_from_b):
    units_from_pixels, pixels_from_units = geometry.normalization(PATCH)
    matrix = units_from_pixels @ a_from_b @ pixels_from_units
    return matrix / matrix[:, 2:, 2:]


def random_h4pt(seed, reach, count=2):
    return np.random.default_rng(seed).uniform(-reach, reach, [count, 4, 2]).astype(np.float32)


def test_features_are_sampled_where_the_homography_says():
    x, margin = features(2, 16, 16, 3), 2
    a_from_b = geometry.matrix_from_h4pt(random_h4pt(1, 8), PATCH)
    sampled = patch_features.SampleFeatures(margin)(x, to_units(a_from_b)).numpy()
    cells = geometry.rescale(a_from_b, tf.constant([0.25, 0.25]), tf.constant([0.25, 0.25]))
    expected = warping.warp(x, cells, 16, 16)
    points = geometry.transform_points(cells, tf.reshape(warping.pixel_grid(16, 16), [1, -1, 2]))
    inside = tf.reshape(warping.inside(points, 16, 16), [2, 16, 16]).numpy()
    assert inside.mean() > 0.5
    middle = sampled[:, margin:-margin, margin:-margin]
    np.testing.assert_allclose(middle[inside], expected[inside], atol=1e-3)


def test_features_outside_are_zero():
    away = geometry.translation(tf.constant([[3.0, 0.0]]))  # one and a half patches
    sampled = patch_features.SampleFeatures(0)(np.ones([1, 8, 8, 2], np.float32), away)
    np.testing.assert_allclose(sampled, np.zeros([1, 8, 8, 2]), atol=2e-3)


def displacements_of(h4pt, cells, information=(0.0, 0.0, 0.0)):
    """What a perfect network would say."""
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
    found, a_from_b, _ = fit(displacements_of(h4pt, 8, information))
    # Damping holds each step back a little, in proportion to how far it goes.
    np.testing.assert_allclose(found, h4pt, atol=0.01 * PATCH / 5)
    np.testing.assert_allclose(
        a_from_b, to_units(geometry.matrix_from_h4pt(h4pt, PATCH)), atol=5e-3
    )


def test_noisy_displacements_are_fitted_as_opencv_does():
    h4pt = random_h4pt(7, 8, count=1)
    displacements = displacements_of(h4pt, 8).numpy()
    displacements[..., :2] += np.random.default_rng(0).normal(0, 0.02, [1, 8, 8, 2])
    points = (cell_grid.units_of_cells(8)[:2].T + 1) * PATCH / 2 - 0.5
    there = points + displacements[0, ..., :2].reshape([-1, 2]) * PATCH / 8
    matrix, _ = cv2.findHomography(points, there, 0)
    expected = geometry.h4pt_from_matrix(tf.constant(matrix[None], tf.float32), PATCH)
    found = homography_fit.FitHomography(PATCH)(displacements)[0]
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_cells_that_disagree_are_left_out():
    h4pt = random_h4pt(3, 8, count=1)
    displacements = displacements_of(h4pt, 16, (2.0, 0.0, 2.0)).numpy()
    wrong = np.random.default_rng(0).random([16, 16]) < 0.2
    displacements[:, wrong, :2] += 3.0

    def error(displacements):
        found = homography_fit.FitHomography(PATCH)(displacements)[0]
        return np.linalg.norm(found - h4pt, axis=-1).mean()

    unaware = displacements.copy()
    unaware[..., 2:] = -30.0  # so little trust in all that nothing disagrees
    assert error(displacements) < 0.1 * error(unaware)


def test_an_untrusted_direction_does_not_count():
    h4pt = np.zeros([1, 4, 2], np.float32)
    displacements = displacements_of(h4pt, 8, (2.0, 0.0, -6.0)).numpy()
    displacements[:, ::2, :, 1] += 1.0  # along y, where L says that nothing is known
    sure = displacements_of(h4pt, 8, (2.0, 0.0, 2.0)).numpy()
    mixed = np.where(np.arange(8)[:, None, None] % 2 == 0, displacements, sure)
    np.testing.assert_allclose(homography_fit.FitHomography(PATCH)(mixed)[0], h4pt, atol=0.1)


def test_stages_compose():
    first, second = random_h4pt(4, 6, 1), random_h4pt(5, 3, 1)
    fit = homography_fit.FitHomography(PATCH)
    _, a_from_b, _ = fit(displacements_of(first, 8))
    found, _, matches = fit(displacements_of(second, 8), a_from_b)
    both = geometry.compose(
        geometry.matrix_from_h4pt(first, PATCH), geometry.matrix_from_h4pt(second, PATCH)
    )
    np.testing.assert_allclose(found, geometry.h4pt_from_matrix(both, PATCH), atol=0.05)
    centers = (cell_grid.units_of_cells(8)[:2].T + 1) * PATCH / 2 - 0.5
    expected = geometry.transform_points(both, centers[None])[0].numpy().T
    np.testing.assert_allclose(matches[0, :2], expected, atol=0.05)


@pytest.mark.parametrize("value", [0.0, 1e3, -1e3])
def test_any_displacement_gives_finite_numbers_and_gradients(value):
    displacements = tf.constant(value + features(2, 8, 8, 5))
    with tf.GradientTape() as tape:
        tape.watch(displacements)
        outputs = homography_fit.FitHomography(PATCH)(displacements)
        total = sum(tf.reduce_sum(tf.abs(each)) for each in outputs)
    assert all(np.isfinite(each).all() for each in outputs)
    assert np.isfinite(tape.gradient(total, displacements)).all()


def test_the_likelihood_is_best_at_the_truth_and_for_honest_precision():
    h4pt = random_h4pt(6, 8, 1)

    def loss(offset, log_information):
        displacements = displacements_of(h4pt, 8, (log_information, 0.0, log_information)).numpy()
        displacements[..., 0] += offset
        matches = homography_fit.FitHomography(PATCH)(displacements)[2]
        return float(losses.match_likelihood(h4pt, matches, PATCH)[0])

    assert loss(0.0, 0.0) < loss(0.1, 0.0) < loss(0.5, 0.0)
    assert loss(0.0, 3.0) < loss(0.0, 0.0)  # right, and sure of it
    assert loss(1.0, 3.0) > loss(1.0, 0.0)  # wrong, and sure of it


@pytest.mark.parametrize(
    "layer",
    [patch_features.SampleFeatures(2, name="s"), homography_fit.FitHomography(PATCH, name="f")],
)
def test_layers_are_serializable(layer):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()


def test_converts_to_tflite():
    h4pt = random_h4pt(8, 8, 1)
    displacements = displacements_of(h4pt, 8).numpy()
    found = in_tflite(lambda d: homography_fit.FitHomography(PATCH)(d)[0], displacements)
    np.testing.assert_allclose(found, h4pt, atol=0.05)
    b, a = features(1, 8, 8, 3), features(1, 14, 14, 3)
    np.testing.assert_allclose(
        in_tflite(lambda b, a: correlation.BlockCorrelation()(b, a), b, a),
        correlation.BlockCorrelation()(b, a),
        atol=1e-4,
    )
