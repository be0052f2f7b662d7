"""Pictures of an alignment show what they say."""

import cv2
import numpy as np
import pytest

from keras_homography.geometry import arrays
from keras_homography.visualization import overlays


@pytest.fixture(scope="module")
def color(images):
    gray = images[0, ..., 0]
    return np.dstack([gray, 255 - gray, gray // 2])


def shift(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def test_what_fits_is_gray_and_what_does_not_is_red_or_cyan(color):
    fits = overlays.red_cyan(color, color)
    np.testing.assert_array_equal(fits[..., 0], fits[..., 1])
    black = overlays.red_cyan(color, np.zeros_like(color))
    assert not black[..., 1:].any()
    assert black[..., 0].any()


def test_a_checkerboard_shows_both(color):
    board = overlays.checkerboard(color, np.zeros_like(color))
    np.testing.assert_array_equal(board[:40, :40], color[:40, :40])
    assert not board[:40, 40:80].any()


def test_aligning_moves_as_the_homography_says(color):
    aligned = overlays.align(color, shift(7, 3), (320, 240))
    np.testing.assert_array_equal(aligned[3:, 7:], color[:-3, :-7])
    assert not aligned[:3].any()


def test_shrinking_says_where_pixels_went(color):
    small, small_from_full = overlays.shrink(color, 160)
    assert small.shape == (120, 160, 3)
    np.testing.assert_allclose(
        arrays.transform_points(small_from_full, np.array([[319.5, 239.5]])), [[159.5, 119.5]]
    )
    same, identity = overlays.shrink(color, 320)
    assert same is color
    np.testing.assert_array_equal(identity, np.eye(3))


def test_a_panorama_holds_both_and_joins_what_fits(color):
    a, b = color[:, :220], color[:, 100:]
    canvas = overlays.panorama(a, b, shift(-100, 0))
    assert canvas.shape == color.shape
    assert np.abs(canvas.astype(int) - color).mean() < 1.0


def test_a_panorama_of_a_runaway_homography_is_bounded(color):
    runaway = np.array([[1, 0, 0], [0, 1, 0], [-0.0031, 0, 1.0]])
    canvas = overlays.panorama(color, color, runaway)
    assert max(canvas.shape) <= 3 * 320 + 1


def test_a_blink_has_both_frames(color, tmp_path):
    overlays.write_blink(tmp_path / "blink.gif", color, np.zeros_like(color))
    _, animation = cv2.imreadanimation(str(tmp_path / "blink.gif"))
    assert len(animation.frames) == 2
    assert animation.frames[0].mean() > 50 > animation.frames[1].mean()


def test_a_video_is_there_once_it_is_whole(color, tmp_path):
    path = tmp_path / "new" / "video.mp4"
    with overlays.video_writer(path, color, 160) as add:
        add(color, np.eye(3))
        add(color, shift(5, 0))
        assert not path.exists()
    capture = cv2.VideoCapture(str(path))
    frames = [capture.read()[1] for _ in range(2)]
    assert frames[0].shape == (120, 160, 3)
    assert np.abs(frames[0].astype(int) - frames[1]).mean() > 1.0
    with overlays.video_writer(tmp_path / "none.mp4", color, 160):
        pass
    assert [entry.name for entry in tmp_path.iterdir()] == ["new"]
