"""Lucas–Kanade on whole photos, against homographies that OpenCV warped with."""

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import corner_error, warped_pair
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_homography.geometry import arrays
from keras_homography.registration import image_pyramid, lucas_kanade_level


@pytest.fixture(scope="module")
def photo(images):
    return images[0, ..., 0]


@settings(max_examples=20, deadline=None)
@given(st.integers(10, 2000), st.integers(10, 2000), st.integers(10, 2000), st.integers(10, 2000))
def test_resizing_keeps_the_outer_edges(width, height, to_width, to_height):
    matrix = arrays.resizing((width, height), (to_width, to_height))
    edges = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5]])
    expected = [[-0.5, -0.5], [to_width - 0.5, to_height - 0.5]]
    np.testing.assert_allclose(arrays.transform_points(matrix, edges), expected, atol=1e-6)


def test_transform_is_opencvs(photo):
    matrix = np.array([[1.1, 0.1, 5], [-0.2, 0.9, 3], [1e-4, -2e-4, 1]])
    points = np.random.default_rng(0).uniform(0, 200, [9, 2])
    expected = cv2.perspectiveTransform(points[None], matrix)[0]
    np.testing.assert_allclose(arrays.transform_points(matrix, points), expected)


def test_the_strongest_point_of_a_block_is_the_edge():
    gray = np.zeros([200, 200], np.uint8)
    gray[:, 100:] = 200
    points = lucas_kanade_level.strongest_points(gray)
    assert len(points) <= lucas_kanade_level.MAX_POINTS
    near_edge = points[(points[:, 0] >= 99) & (points[:, 0] <= 100)]
    assert len(near_edge) >= 90  # one a block along the edge


def test_at_most_so_many_points_whatever_the_size():
    gray = np.random.default_rng(0).integers(0, 255, [1500, 2100], np.uint8)
    points = lucas_kanade_level.strongest_points(gray)
    assert 0.8 * lucas_kanade_level.MAX_POINTS < len(points) <= lucas_kanade_level.MAX_POINTS
    assert (points.max(axis=0) < [2098, 1498]).all()


@pytest.mark.parametrize("seed", range(4))
def test_refinement_finds_the_homography(photo, seed):
    a, b, expected = warped_pair(photo, seed, reach=4.0)
    pair = image_pyramid.ImagePair(a, b)
    found = pair.refine(np.eye(3), range(pair.coarsest, -1, -1), steps=15)
    assert corner_error(found, expected, (240, 160)) < 0.02


def test_light_is_not_mistaken_for_motion(photo):
    a, b, expected = warped_pair(photo, 1, reach=3.0)
    darker = (255.0 * (b / 255.0) ** 1.3 * 0.8 + 10).astype(np.uint8)
    pair = image_pyramid.ImagePair(a, darker)
    found = pair.refine(np.eye(3), range(pair.coarsest, -1, -1), steps=15)
    assert corner_error(found, expected, (240, 160)) < 0.1


def test_a_hidden_part_is_left_out(photo, images):
    a, b, expected = warped_pair(photo, 2, reach=1.0)
    b[40:120, 60:140] = images[1, :80, :80, 0]
    pair = image_pyramid.ImagePair(a, b)
    found = pair.refine(np.eye(3), range(pair.coarsest, -1, -1), steps=20)
    assert corner_error(found, expected, (240, 160)) < 0.1


def test_photos_of_other_sizes_are_compared_where_they_have_as_many_pixels(photo):
    a, b, a_from_b = warped_pair(photo, 3, reach=2.0)
    large = cv2.resize(a, (960, 640), interpolation=cv2.INTER_CUBIC)
    large_from_b = arrays.resizing((240, 160), (960, 640)) @ a_from_b
    pair = image_pyramid.ImagePair(large, b)
    level, matrix = pair.at(large_from_b, 0)
    assert arrays.image_size(level.gray_a) == (240, 160)
    np.testing.assert_allclose(matrix / matrix[2, 2], a_from_b, atol=1e-6)
    start = arrays.resizing((240, 160), (960, 640))
    found = pair.refine(start, range(pair.coarsest, -1, -1), steps=15)
    assert corner_error(found, large_from_b, (240, 160)) < 0.2


def test_nothing_to_go_by_gives_nothing_that_is_not_finite():
    gray = np.full([128, 128], 90, np.uint8)
    pair = image_pyramid.ImagePair(gray, gray)
    found = pair.refine(np.eye(3), [0], steps=5)
    assert found is None or np.isfinite(found).all()
