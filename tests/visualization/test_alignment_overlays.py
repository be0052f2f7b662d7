"""Overlays of an alignment show what they claim."""

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.visualization import alignment_overlays


def test_agreement_is_gray_and_disagreement_red_or_cyan(color):
    agreeing = alignment_overlays.red_cyan(color, color)
    np.testing.assert_array_equal(agreeing[..., 0], agreeing[..., 1])
    black = alignment_overlays.red_cyan(color, np.zeros_like(color))
    assert not black[..., 1:].any()
    assert black[..., 0].any()


def test_a_checkerboard_shows_both(color):
    board = alignment_overlays.checkerboard(color, np.zeros_like(color))
    np.testing.assert_array_equal(board[:40, :40], color[:40, :40])
    assert not board[:40, 40:80].any()


def test_aligning_moves_as_the_homography_says(color):
    shift = np.array([[1, 0, 7], [0, 1, 3], [0, 0, 1]], np.float64)
    aligned = alignment_overlays.align(color, shift, (320, 240))
    np.testing.assert_array_equal(aligned[3:, 7:], color[:-3, :-7])
    assert not aligned[:3].any()


def test_shrinking_returns_the_matrix_of_its_resizing(color):
    small, small_from_full = alignment_overlays.shrink(color, 160)
    assert small.shape == (120, 160, 3)
    np.testing.assert_allclose(
        arrays.transform_points(small_from_full, np.array([[319.5, 239.5]])), [[159.5, 119.5]]
    )
    same, identity = alignment_overlays.shrink(color, 320)
    assert same is color
    np.testing.assert_array_equal(identity, np.eye(3))


def test_a_blink_has_both_frames(color, tmp_path):
    alignment_overlays.write_blink(tmp_path / "blink.gif", color, np.zeros_like(color))
    _, animation = cv2.imreadanimation(str(tmp_path / "blink.gif"))
    assert len(animation.frames) == 2
    assert animation.frames[0].mean() > 50 > animation.frames[1].mean()
