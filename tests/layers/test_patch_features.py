"""Standardized patches, unit features, and features sampled where OpenCV's convention says."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.in_graph import in_tflite

from keras_homography import geometry
from keras_homography.geometry import warping
from keras_homography.layers import patch_features

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


def units_from_h4pt(h4pt):
    """`a_from_b` in units of half a patch."""
    units_from_pixels, pixels_from_units = geometry.normalization(PATCH)
    return units_from_pixels @ geometry.matrix_from_h4pt(h4pt, PATCH) @ pixels_from_units


def test_features_are_sampled_where_the_homography_says():
    x, margin = features(2, 16, 16, 3), 2
    h4pt = np.random.default_rng(1).uniform(-8, 8, [2, 4, 2]).astype(np.float32)
    a_from_b = geometry.matrix_from_h4pt(h4pt, PATCH)
    sampled = patch_features.SampleFeatures(margin)(x, units_from_h4pt(h4pt)).numpy()
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


def test_samples_without_a_homography_are_finite():
    not_a_matrix = np.full([1, 3, 3], np.nan, np.float32)
    sampled = in_tflite(patch_features.SampleFeatures(1), features(1, 8, 8, 2), not_a_matrix)
    assert sampled.shape == (1, 10, 10, 2)


def test_gradients_reach_the_features_alone():
    x, a_from_b = tf.constant(features(1, 8, 8, 2)), tf.eye(3, batch_shape=[1])
    with tf.GradientTape() as tape:
        tape.watch((x, a_from_b))
        total = tf.reduce_sum(patch_features.SampleFeatures(0)(x, a_from_b))
    of_features, of_matrix = tape.gradient(total, (x, a_from_b))
    np.testing.assert_allclose(of_features, np.ones([1, 8, 8, 2]), atol=1e-3)
    assert of_matrix is None


@pytest.mark.parametrize(
    "layer",
    [
        patch_features.StandardizePatches(name="a"),
        patch_features.UnitFeatures(name="b"),
        patch_features.SampleFeatures(2, name="c"),
    ],
)
def test_layers_are_serializable(layer):
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is type(layer)
    assert copy.get_config() == layer.get_config()
