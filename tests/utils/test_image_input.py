"""Images and videos that are accepted, and messages about the others."""

import contextlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from keras_homography.utils import image_input
from keras_homography.utils.errors import UserError


def color(seed=0, height=40, width=60):
    return np.random.default_rng(seed).integers(0, 256, [height, width, 3], np.uint8)


def test_color_becomes_opencvs_gray():
    image = color()
    expected = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    np.testing.assert_array_equal(image_input.as_gray(image, "image"), expected)
    with_alpha = np.dstack([image, image[..., 0]])
    np.testing.assert_array_equal(image_input.as_gray(with_alpha, "image"), expected)


def test_types_are_scaled_to_gray_levels():
    gray = color()[..., 0]
    for image in (gray, gray[..., None], gray.astype(np.float64), gray.astype(np.uint16) * 257):
        np.testing.assert_array_equal(image_input.as_gray(image, "image"), gray)
    rotated = np.rot90(gray)[::-1]  # strides of all signs
    np.testing.assert_array_equal(image_input.as_gray(rotated, "image"), rotated)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros([3]), "shape"),
        (np.zeros([0, 5]), "shape"),
        (np.zeros([5, 5, 2]), "channels"),
        (np.zeros([2, 5, 5, 3]), "shape"),
        (np.full([5, 5], np.nan), "not finite"),
        (np.full([5, 5], np.inf), "not finite"),
        (np.full([5, 5], -3.0), "0 to 255"),
        (np.full([5, 5], 300.0), "0 to 255"),
        (np.full([5, 5], 0.5), "by 255"),
        (np.zeros([5, 5], np.int32), "int32"),
        (np.zeros([5, 5], bool), "bool"),
        ("a.jpg", "shape"),
        (None, "shape"),
        ([[1, 2], [3]], "rows of several lengths"),
    ],
)
def test_messages_name_the_argument_that_is_no_image(image, says):
    with pytest.raises(UserError, match=says) as error:
        image_input.as_gray(image, "image_a")
    assert "image_a" in str(error.value)


@settings(max_examples=200, deadline=None)
@given(
    arrays.arrays(
        st.one_of(
            arrays.integer_dtypes(), arrays.unsigned_integer_dtypes(), arrays.floating_dtypes()
        ),
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6),
    )
)
def test_any_array_is_an_image_or_refused_by_a_user_error(array):
    with contextlib.suppress(UserError):
        gray = image_input.as_gray(array, "image")
        assert gray.dtype == np.uint8
        assert gray.shape == array.shape[:2]


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "bmp", "gif"])
def test_formats_are_read_as_color(tmp_path, suffix):
    smooth = cv2.GaussianBlur(color(), (0, 0), 5)
    path = tmp_path / f"an image.{suffix}"
    assert cv2.imwrite(str(path), smooth[..., ::-1])
    image = image_input.read_image(path)
    assert image.dtype == np.uint8
    average = cv2.blur(image, (9, 9)).astype(int)  # GIF has few colors, and mixes them
    assert np.abs(average - smooth).mean() < 10


def test_sixteen_bits_are_scaled(tmp_path):
    gray = (np.arange(60 * 40).reshape(40, 60) * 27).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), gray)
    image = image_input.read_image(tmp_path / "deep.png")
    assert np.abs(image[..., 0].astype(float) - gray / 257.0).max() <= 1.0


def test_the_exif_orientation_is_obeyed(tmp_path):
    image = color(height=20, width=60)
    data = cv2.imencode(".jpg", image)[1].tobytes()
    orientation = b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"  # turn right
    tiff = b"MM\x00*\x00\x00\x00\x08\x00\x01" + orientation + b"\x00\x00\x00\x00"
    exif = b"Exif\x00\x00" + tiff
    header = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (tmp_path / "portrait.jpg").write_bytes(data[:2] + header + data[2:])
    assert image_input.read_image(tmp_path / "portrait.jpg").shape == (60, 20, 3)


def test_files_that_are_no_image_are_refused(tmp_path):
    encoded = cv2.imencode(".jpg", color(height=200, width=200))[1].tobytes()
    png = cv2.imencode(".png", color())[1].tobytes()
    files = {
        "empty.jpg": (b"", "empty"),
        "text.jpg": (b"not an image", "damaged"),
        "half.jpg": (encoded[: len(encoded) // 2], "truncated"),
        "half.png": (png[: len(png) // 2], "truncated"),
        "header.jpg": (encoded[:20] + b"\xff\xd9", "damaged"),
    }
    for name, (data, says) in files.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(UserError, match=says):
            image_input.read_image(tmp_path / name)
    with pytest.raises(UserError, match="folder"):
        image_input.read_image(tmp_path)
    with pytest.raises(UserError, match="does not exist"):
        image_input.read_image(tmp_path / "none.jpg")


def test_a_video_is_read_frame_by_frame(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "v.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for gray in (40, 120, 200):
        writer.write(np.full([48, 64, 3], gray, np.uint8))
    writer.release()
    frames, _ = image_input.read_video(tmp_path / "v.avi")
    levels = [(number, round(float(frame.mean()), -1)) for number, frame in frames]
    assert levels == [(0, 40), (1, 120), (2, 200)]
    (tmp_path / "no.mp4").write_bytes(b"nothing")
    with pytest.raises(UserError, match="not a video"):
        image_input.read_video(tmp_path / "no.mp4")
