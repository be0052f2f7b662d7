"""Decoding and resizing, against OpenCV."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from helpers.image_streams import encode

from keras_homography.data import decoding, synthetic_images


@pytest.mark.parametrize(("height", "width"), [(480, 640), (100, 640), (60, 80), (333, 247)])
def test_decode_equals_opencv(images, height, width):
    """Reduction by area, enlargement bilinear, as `cv2.resize` with INTER_AREA."""
    image = cv2.resize(images[0], (width, height), interpolation=cv2.INTER_CUBIC)
    decoded = decoding.decode(encode(image), 120, 160).numpy()
    both_shrink = height >= 120 and width >= 160
    expected = cv2.resize(
        image, (160, 120), interpolation=cv2.INTER_AREA if both_shrink else cv2.INTER_LINEAR
    )
    assert decoded.shape == (120, 160, 1)
    assert np.abs(decoded[..., 0].astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("height", "width"), [(480, 640), (427, 640), (640, 427), (240, 320)])
def test_decode_quickly_is_near_decode(images, height, width):
    """Decoding at reduced size, then bilinear, gives no aliasing.

    TensorFlow's default way to decode at full size makes images half a gray level darker.
    """
    encoded = encode(cv2.resize(images[0], (width, height)), ".jpg")
    quick = decoding.decode_quickly(encoded, 120, 160).numpy().astype(float)
    exact = decoding.decode(encoded, 120, 160).numpy().astype(float)
    assert np.abs(quick - exact).mean() < 2.0
    assert abs(np.mean(quick - exact) - 0.5) < 0.3
    png = encode(images[0])
    np.testing.assert_array_equal(
        decoding.decode_quickly(png, 120, 160), decoding.decode(png, 120, 160)
    )


@pytest.mark.parametrize("decode", [decoding.decode, decoding.decode_quickly])
def test_images_below_a_side_are_refused_in_the_graph_too(images, decode):
    encoded = encode(images[0], ".jpg")
    assert decode(encoded, 60, 80, 240).shape == (60, 80, 1)
    stream = tf.data.Dataset.from_tensors(encoded).map(lambda file: decode(file, 60, 80, 241))
    with pytest.raises(tf.errors.InvalidArgumentError, match="320x240 is below 241 pixels"):
        next(iter(stream))


def test_decode_makes_color_gray(images):
    color = np.dstack([images[0]] * 2 + [255 - images[0]])
    decoded = decoding.decode(encode(color), 240, 320).numpy()
    expected = cv2.cvtColor(color, cv2.COLOR_BGR2GRAY)
    assert np.abs(decoded[..., 0].astype(int) - expected).max() <= 1


@pytest.fixture(scope="module")
def photo():
    """A generated image in color, blue first as OpenCV has it."""
    image = synthetic_images.draw_image(tf.constant([1, 0], tf.int64), 240, 320, 3)
    return image.numpy()[..., ::-1]


@pytest.mark.parametrize(("height", "width"), [(480, 640), (100, 640), (60, 80), (333, 247)])
def test_decode_in_color_equals_opencv(photo, height, width):
    encoded = encode(cv2.resize(photo, (width, height), interpolation=cv2.INTER_CUBIC))
    both_shrink = height >= 120 and width >= 160
    expected = cv2.resize(
        cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR_RGB),
        (160, 120),
        interpolation=cv2.INTER_AREA if both_shrink else cv2.INTER_LINEAR,
    )
    decoded = decoding.decode(encoded, 120, 160, channels=3).numpy()
    assert decoded.shape == (120, 160, 3)
    assert np.abs(decoded.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("height", "width"), [(480, 640), (427, 640), (240, 320)])
def test_decode_quickly_is_near_decode_in_color(photo, height, width):
    encoded = encode(cv2.resize(photo, (width, height)), ".jpg")
    quick = decoding.decode_quickly(encoded, 120, 160, channels=3).numpy().astype(float)
    exact = decoding.decode(encoded, 120, 160, channels=3).numpy().astype(float)
    assert quick.shape == (120, 160, 3)
    assert np.abs(quick - exact).mean(axis=(0, 1)).max() < 3.0
    png = encode(photo)
    np.testing.assert_array_equal(
        decoding.decode_quickly(png, 120, 160, channels=3),
        decoding.decode(png, 120, 160, channels=3),
    )


@pytest.mark.parametrize("decode", [decoding.decode, decoding.decode_quickly])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_gray_files_are_neutral_in_color(images, decode, suffix):
    encoded = encode(images[0], suffix)
    color = decode(encoded, 120, 160, channels=3).numpy()
    np.testing.assert_array_equal(color, np.repeat(decode(encoded, 120, 160), 3, axis=-1))
