"""Generated images: deterministic, varied, with the statistics of photos."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from helpers.in_graph import eager_and_in_tf_data

from keras_homography.data import synthetic_images


@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_in_a_dataset_and_again(channels):
    def draw(seed):
        return synthetic_images.draw_image(seed, 72, 96, channels)

    eager, in_graph = eager_and_in_tf_data(draw, tf.constant([3, 4], tf.int64))
    assert eager.shape == (72, 96, channels)
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


@pytest.mark.parametrize(
    ("height", "width", "channels"),
    [(8, 8, 1), (40, 300, 1), (480, 640, 1), (8, 8, 3), (41, 303, 3)],
)
def test_any_size(height, width, channels):
    image = synthetic_images.draw_image(tf.constant([0, 0], tf.int64), height, width, channels)
    assert image.shape == (height, width, channels)
    assert np.std(image) > 1


@pytest.fixture(scope="module")
def color_images():
    """The images of the fixture `images` in color."""
    seeds = tf.constant([[1, i] for i in range(4)], tf.int64)
    return np.stack([synthetic_images.draw_image(seed, 240, 320, 3) for seed in seeds])


def test_color_has_the_gray_levels_of_the_gray_image(images, color_images):
    for gray, color in zip(images, color_images, strict=True):
        exact = ((color > 0) & (color < 255)).all(axis=-1)
        assert exact.mean() > 0.7
        difference = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY).astype(int) - gray[..., 0]
        assert np.abs(difference[exact]).max() <= 1


def test_chroma_is_mostly_weak_and_sometimes_strong_in_every_hue(color_images):
    luma_cr_cb = np.stack([cv2.cvtColor(color, cv2.COLOR_RGB2YCrCb) for color in color_images])
    cr, cb = np.moveaxis(luma_cr_cb[..., 1:].astype(float) - 128.0, -1, 0)
    strength = np.hypot(cr, cb)
    assert 3.0 < np.median(strength) < 20.0
    assert np.percentile(strength, 98) > 40.0
    quadrants = 2 * (cr > 0) + (cb > 0)
    shares = [(quadrants[strength > 20.0] == quadrant).mean() for quadrant in range(4)]
    assert min(shares) > 0.03


def test_regions_of_one_gray_level_differ_in_hue(color_images):
    """Chroma tells regions apart that gray levels do not: it is no function of them."""
    for color in color_images:
        luma, cr, cb = np.moveaxis(cv2.cvtColor(color, cv2.COLOR_RGB2YCrCb).astype(float), -1, 0)
        for chroma in (cr, cb):
            assert abs(np.corrcoef(luma.ravel(), chroma.ravel())[0, 1]) < 0.5


def test_gray_images_are_those_of_earlier_versions():
    """Data and results of earlier runs were made from them."""
    image = synthetic_images.draw_image(tf.constant([3, 4], tf.int64), 72, 96).numpy()
    earlier = [
        [109, 77, 123, 84, 80, 96],
        [144, 124, 106, 105, 88, 95],
        [149, 127, 90, 110, 97, 102],
        [152, 140, 119, 80, 73, 103],
    ]
    # Other processors may round otherwise.
    np.testing.assert_allclose(image[8::16, 8::16, 0].astype(int), earlier, atol=1)
