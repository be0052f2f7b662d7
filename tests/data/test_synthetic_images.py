"""Generated images: deterministic, varied, with the statistics of photos."""

import numpy as np
import pytest
import tensorflow as tf
from helpers.in_graph import eager_and_in_tf_data

from keras_homography.data import synthetic_images


def test_the_same_in_a_dataset_and_again():
    def draw(seed):
        return synthetic_images.draw_image(seed, 72, 96)

    eager, in_graph = eager_and_in_tf_data(draw, tf.constant([3, 4], tf.int64))
    assert eager.shape == (72, 96, 1)
    assert eager.dtype == np.uint8
    np.testing.assert_array_equal(eager, draw(tf.constant([3, 4], tf.int64)))
    np.testing.assert_array_equal(eager, in_graph)
    assert not np.array_equal(eager, draw(tf.constant([3, 5], tf.int64)))


def test_the_same_whatever_the_parallelism():
    def images(threads):
        dataset = tf.data.Dataset.range(6).map(
            lambda i: synthetic_images.draw_image(tf.stack([tf.constant(1, tf.int64), i]), 72, 96),
            num_parallel_calls=threads,
        )
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        return np.stack(list(dataset.with_options(options).as_numpy_iterator()))

    np.testing.assert_array_equal(images(1), images(4))


def test_gray_levels_vary_within_and_between_images(images):
    assert images.std(axis=(1, 2, 3)).min() > 10
    assert np.ptp(images.mean(axis=(1, 2, 3))) > 10
    assert ((images > 2) & (images < 253)).mean() > 0.8


def test_the_spectrum_falls_like_that_of_photos(images):
    """Amplitude over frequency is about f^-1 in photos (Field 1987)."""
    window = np.hanning(240)[:, None] * np.hanning(240)
    squares = images[:, :, 40:280, 0] - images[:, :, 40:280, 0].mean(axis=(1, 2), keepdims=True)
    amplitude = np.abs(np.fft.fft2(squares * window)).mean(axis=0)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(240), np.fft.fftfreq(240)))
    band = (frequency > 0.02) & (frequency < 0.3)
    slope = np.polyfit(np.log(frequency[band]), np.log(amplitude[band]), 1)[0]
    assert -1.8 < slope < -0.8


@pytest.mark.parametrize(("height", "width"), [(8, 8), (40, 300), (480, 640)])
def test_any_size(height, width):
    image = synthetic_images.draw_image(tf.constant([0, 0], tf.int64), height, width)
    assert image.shape == (height, width, 1)
    assert np.std(image) > 1
