"""Drawn matches: where they are, in which color, and how many."""

import numpy as np
import pytest

from keras_homography.visualization import match_figures

GREEN, RED = (40, 200, 60), (220, 60, 50)


def blank(width, height, gray=128):
    return np.full([height, width], gray, np.uint8)


def has_color(drawn, x, y, color):
    """Whether a pixel, or one beside it, has nearly a color."""
    around = drawn[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].astype(int)
    return (np.abs(around - color).max(axis=-1) < 40).any()


def test_both_images_stand_side_by_side():
    colored = np.dstack([blank(50, 30, gray) for gray in (10, 20, 30)])
    nothing = np.empty([0, 2], np.float32)
    drawn = match_figures.draw(blank(40, 60), colored, nothing, nothing, np.empty(0, bool))
    assert drawn.dtype == np.uint8
    assert drawn.shape == (60, 90, 3)
    assert (drawn[:, :40] == 128).all()
    assert (drawn[:30, 40:] == [10, 20, 30]).all()
    assert (drawn[30:, 40:] == 0).all()


@pytest.mark.parametrize(("inlier", "color"), [(True, GREEN), (False, RED)])
def test_a_line_joins_the_points_of_a_match(inlier, color):
    a, b = blank(80, 60), blank(80, 60)
    points_a, points_b = np.array([[20.0, 30.0]]), np.array([[40.0, 10.0]])
    drawn = match_figures.draw(a, b, points_a, points_b, np.array([inlier]))
    for x, y in ((20, 30), (70, 20), (120, 10)):  # the ends and the middle
        assert has_color(drawn, x, y, color)
    untouched = np.ones(drawn.shape[:2], bool)
    untouched[6:35, 16:125] = False
    assert (drawn[untouched] == 128).all()
    assert (a == 128).all()
    assert (b == 128).all()


def test_inliers_lie_on_top():
    points = np.array([[10.0, 20.0], [10.0, 20.0]])
    for inliers in ([True, False], [False, True]):
        drawn = match_figures.draw(blank(40, 40), blank(40, 40), points, points, np.array(inliers))
        assert has_color(drawn, 30, 20, GREEN)
        assert not has_color(drawn, 30, 20, RED)


def test_of_many_matches_sixty_are_drawn_from_first_to_last():
    count = 400
    rows = np.arange(count, dtype=np.float32)
    points = np.stack([np.full(count, 5.0), 8 * rows], axis=1)
    image = blank(20, 8 * count)
    drawn = match_figures.draw(image, image, points, points, np.ones(count, bool))
    lines = [row for row in range(count) if has_color(drawn, 15, 8 * row, GREEN)]
    assert len(lines) == 60
    assert (lines[0], lines[-1]) == (0, count - 1)
    assert np.diff(lines).max() <= 8


def test_points_beyond_the_images_are_no_error():
    points_a, points_b = np.array([[-30.0, 500.0]]), np.array([[900.0, -7.0]])
    drawn = match_figures.draw(blank(40, 40), blank(40, 40), points_a, points_b, np.array([True]))
    assert drawn.shape == (40, 80, 3)
