"""Imagined sensors: gray levels of a seed; they keep where things are, not how bright."""

import numpy as np
import pytest
import tensorflow as tf
from helpers.in_graph import eager_and_in_tf_data

from keras_homography.data import imagined_sensors, synthetic_images


@pytest.fixture(scope="module")
def color_image():
    image = synthetic_images.draw_image(tf.constant([3, 0], tf.int64), 96, 96, 3)
    return image.numpy().astype(np.float32)


@pytest.fixture(scope="module")
def render(color_image):
    traced = tf.function(
        lambda seed, imagined: imagined_sensors.render(seed, color_image, imagined),
        input_signature=[tf.TensorSpec([2], tf.int64), tf.TensorSpec([], tf.bool)],
    )
    return lambda number, imagined: traced(
        tf.constant([5, number], tf.int64), tf.constant(imagined)
    ).numpy()


@pytest.mark.parametrize("imagined", [True, False])
def test_a_rendering_has_integer_gray_levels_and_contrast(render, imagined):
    for number in range(24):
        gray = render(number, imagined)
        assert gray.shape == (96, 96)
        np.testing.assert_array_equal(gray, np.round(gray))
        assert 0 <= gray.min() <= gray.max() <= 255
        assert gray.std() > 5


def test_the_seed_decides(render):
    np.testing.assert_array_equal(render(0, True), render(0, True))
    assert np.abs(render(0, True) - render(1, True)).mean() > 5


def test_eagerly_and_in_tf_data_alike(color_image):
    def function(number):
        seed = tf.stack([tf.constant(7, tf.int64), number])
        return imagined_sensors.render(seed, tf.constant(color_image), tf.constant(True))

    for number in range(3):
        eager, in_graph = eager_and_in_tf_data(function, tf.constant(number, tf.int64))
        np.testing.assert_allclose(eager, in_graph, atol=1.0)


def test_cameras_keep_the_order_of_gray_levels_and_sensors_often_do_not(render, color_image):
    luma = color_image @ np.float32([0.299, 0.587, 0.114])
    of_cameras, of_sensors = (
        np.array([np.corrcoef(render(n, imagined).ravel(), luma.ravel())[0, 1] for n in range(32)])
        for imagined in (False, True)
    )
    assert np.median(of_cameras) > 0.8
    assert (of_sensors < 0).sum() >= 5  # falling tone curves, differences of colors
    assert np.median(np.abs(of_sensors)) < 0.8
