"""Pictures of an alignment show what they say."""

import cv2
import numpy as np
import pytest

from keras_homography.geometry import arrays
from keras_homography.visualization import overlays


@pytest.fixture(scope="module")
def colour(images):
    grey = images[0, ..., 0]
    return np.dstack([grey, 255 - grey, grey // 2])


def shift(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def test_what_fits_is_grey_and_what_does_not_is_red_or_cyan(colour):
    fits = overlays.red_cyan(colour, colour)
    np.testing.assert_array_equal(fits[..., 0], fits[..., 1])
    black = overlays.red_cyan(colour, np.zeros_like(colour))
    assert not black[..., 1:].any()
    assert black[..., 0].any()


def test_a_checkerboard_shows_both(colour):
    board = overlays.checkerboard(colour, np.zeros_like(colour))
    np.testing.assert_array_equal(board[:40, :40], colour[:40, :40])
    assert not board[:40, 40:80].any()


def test_aligning_moves_as_the_homography_says(colour):
    aligned = overlays.align(colour, shift(7, 3), (320, 240))
    np.testing.assert_array_equal(aligned[3:, 7:], colour[:-3, :-7])
    assert not aligned[:3].any()


def test_shrinking_says_where_pixels_went(colour):
    small, small_from_full = overlays.shrink(colour, 160)
    assert small.shape == (120, 160, 3)
    np.testing.assert_allclose(
        arrays.transform_points(small_from_full, np.array([[319.5, 239.5]])), [[159.5, 119.5]]
    )
    same, identity = overlays.shrink(colour, 320)
    assert same is colour
    np.testing.assert_array_equal(identity, np.eye(3))


def test_a_panorama_holds_both_and_joins_what_fits(colour):
    a, b = colour[:, :220], colour[:, 100:]
    canvas = overlays.panorama(a, b, shift(-100, 0))
    assert canvas.shape == colour.shape
    assert np.abs(canvas.astype(int) - colour).mean() < 1.0


def test_a_panorama_of_a_runaway_homography_is_bounded(colour):
    runaway = np.array([[1, 0, 0], [0, 1, 0], [-0.0031, 0, 1.0]])
    canvas = overlays.panorama(colour, colour, runaway)
    assert max(canvas.shape) <= 3 * 320 + 1


def test_a_blink_has_both_frames(colour, tmp_path):
    overlays.write_blink(tmp_path / "blink.gif", colour, np.zeros_like(colour))
    _, animation = cv2.imreadanimation(str(tmp_path / "blink.gif"))
    assert len(animation.frames) == 2
    assert animation.frames[0].mean() > 50 > animation.frames[1].mean()


def test_a_video_is_there_once_it_is_whole(colour, tmp_path):
    path = tmp_path / "new" / "video.mp4"
    with overlays.video_writer(path, colour, 160) as add:
        add(colour, np.eye(3))
        add(colour, shift(5, 0))
        assert not path.exists()
    capture = cv2.VideoCapture(str(path))
    frames = [capture.read()[1] for _ in range(2)]
    assert frames[0].shape == (120, 160, 3)
    assert np.abs(frames[0].astype(int) - frames[1]).mean() > 1.0
    with overlays.video_writer(tmp_path / "none.mp4", colour, 160):
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["new"]
