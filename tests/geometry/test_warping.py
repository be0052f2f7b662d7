"""Sampling and warping against OpenCV and Keras, exact cases, and finite differences."""

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.in_graph import eager_and_in_tf_data, in_tflite

from keras_homography import geometry
from keras_homography.geometry import warping


@pytest.fixture(scope="module")
def smooth(images):
    return np.stack([cv2.GaussianBlur(image, (0, 0), 2)[..., None] for image in images])


@pytest.fixture(scope="module")
def a_from_b():
    h4pt = np.random.default_rng(0).uniform(-20, 20, (4, 4, 2)).astype(np.float32)
    inner = geometry.translation(tf.constant([[60.0, 50.0]] * 4))
    return geometry.compose(inner, geometry.matrix_from_h4pt(h4pt, 128))


@pytest.mark.parametrize("warp", [warping.warp, warping.warp_fast])
def test_warp_equals_opencv(warp, smooth, a_from_b):
    ours = warp(tf.cast(smooth, tf.float32), a_from_b, 128, 100).numpy()
    assert ours.shape == (4, 128, 100, 1)
    for image, matrix, warped in zip(smooth, a_from_b.numpy(), ours, strict=True):
        expected = cv2.warpPerspective(
            image.astype(np.float32),
            matrix.astype(np.float64),
            (100, 128),
            flags=cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        # OpenCV 4 rounds coordinates to 1/32 of a pixel; OpenCV 5 is within 0.001 of this.
        assert np.abs(warped[..., 0] - expected).mean() < 0.15
        assert np.abs(warped[..., 0] - expected).max() < 2.5


@pytest.mark.parametrize("jit_compile", [False, True])
def test_both_samplers_agree(smooth, a_from_b, jit_compile):
    slow = warping.warp(tf.cast(smooth, tf.float32), a_from_b, 128, 128)
    fast = tf.function(warping.warp_fast, jit_compile=jit_compile)(smooth, a_from_b, 128, 128)
    np.testing.assert_allclose(slow, fast, atol=0.02)


def test_identity_and_integer_shifts_are_exact(smooth):
    image = tf.cast(smooth[:1], tf.float32)
    shift = geometry.translation(tf.constant([[7.0, 3.0]]))
    shifted = warping.warp(image, shift, 200, 300)
    np.testing.assert_array_equal(warping.warp(image, tf.eye(3)[None], 240, 320), image)
    np.testing.assert_array_equal(shifted, image[:, 3:203, 7:307])


def test_sample_equals_keras(smooth):
    images = smooth[:2].astype(np.float32)
    points = np.random.default_rng(0).uniform(-20, 340, (2, 500, 2)).astype(np.float32)
    sampled = warping.sample(images, points).numpy()
    for image, xy, values in zip(images, points, sampled, strict=True):
        expected = keras.ops.image.map_coordinates(
            image[..., 0], xy.T[::-1], order=1, fill_mode="nearest"
        )
        np.testing.assert_allclose(values[:, 0], expected, atol=2e-3)


def test_every_channel_is_sampled_at_the_same_points(smooth):
    image = np.concatenate([smooth[:1], smooth[1:2]], axis=-1).astype(np.float32)
    points = np.random.default_rng(0).uniform(0, 239, (1, 50, 2)).astype(np.float32)
    both = warping.sample(image, points)
    for channel in (0, 1):
        alone = warping.sample(image[..., channel : channel + 1], points)
        np.testing.assert_array_equal(both[..., channel], alone[..., 0])


def test_half_a_pixel_is_the_mean_of_neighbors():
    image = tf.constant([[[[0.0], [10.0]], [[20.0], [40.0]]]])
    points = tf.constant([[[0.5, 0.0], [0.0, 0.5], [0.5, 0.5]]])
    np.testing.assert_allclose(warping.sample(image, points)[0, :, 0], [5.0, 10.0, 17.5])


def test_the_edge_continues_and_is_reported():
    image = tf.constant([[[[1.0], [2.0]], [[3.0], [4.0]]]])
    points = tf.constant([[[-9.0, -9.0], [99.0, 0.0], [np.inf, np.inf], [1.0, 1.0]]])
    np.testing.assert_allclose(warping.sample(image, points)[0, :, 0], [1.0, 2.0, 4.0, 4.0])
    np.testing.assert_array_equal(warping.inside(points, 2, 2)[0], [False, False, False, True])


def test_gradient_of_the_coordinates(smooth):
    image = tf.cast(smooth[:1], tf.float32)
    points = tf.constant([[[100.3, 50.6], [33.2, 200.7], [250.5, 17.4]]])
    with tf.GradientTape() as tape:
        tape.watch(points)
        value = tf.reduce_sum(warping.sample(image, points))
    gradient = tape.gradient(value, points).numpy()
    for axis in (0, 1):
        step = np.zeros(2, np.float32)
        step[axis] = 0.1
        numeric = (
            warping.sample(image, points + step) - warping.sample(image, points - step)
        ) / 0.2
        np.testing.assert_allclose(gradient[0, :, axis], numeric[0, :, 0], atol=0.02)


def test_the_same_in_a_dataset(smooth, a_from_b):
    for warp in (warping.warp, warping.warp_fast):
        eager, in_graph = eager_and_in_tf_data(
            lambda images, matrices, warp=warp: warp(images, matrices, 64, 64),
            smooth.astype(np.float32),
            a_from_b.numpy(),
        )
        np.testing.assert_allclose(eager, in_graph, atol=0.01)


def test_the_same_in_tflite(smooth, a_from_b):
    image, matrix = smooth[:1].astype(np.float32), a_from_b[:1].numpy()

    def warp(image, matrix):
        return warping.warp(image, matrix, 32, 48)

    np.testing.assert_allclose(in_tflite(warp, image, matrix), warp(image, matrix), atol=0.05)
