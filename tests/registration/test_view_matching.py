"""Matching of views: by a network that compares pixels, and by the shipped matcher."""

import itertools

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import corner_error

from keras_homography.geometry import arrays
from keras_homography.registration import image_pyramid, image_views, view_matching
from keras_homography.registration.image_views import ViewSpec
from keras_homography.registration.view_matching import ImageFeatures, ViewMatcher

PLAIN = ViewSpec()


class PixelNetwork:
    """A matcher whose features are the pixels of a cell: only equal cells match; counts calls."""

    def __init__(self):
        self.shapes = []

    def __call__(self, image):
        assert image.dtype == np.float32
        self.shapes.append(image.shape)
        rows, columns = image.shape[1] // 8, image.shape[2] // 8
        cells = image.reshape(rows, 8, columns, 8).swapaxes(1, 2).reshape(rows, columns, 64)
        cells = cells - cells.mean(axis=-1, keepdims=True)
        coarse = cells / (np.linalg.norm(cells, axis=-1, keepdims=True) + 1e-3)
        fine = np.zeros([2 * rows, 2 * columns, 4], np.float32)
        return coarse, fine, np.ones([rows, columns], np.float32)


def noise(seed, width=256, height=192):
    return np.random.default_rng(seed).integers(0, 256, [height, width], np.uint8)


def view_matcher(network, a, b):
    return ViewMatcher(
        *(ImageFeatures(network, image_pyramid.build_pyramid(image)) for image in (a, b))
    )


def test_equal_images_match_in_place():
    image = noise(0)
    matched = view_matcher(PixelNetwork(), image, image).match()
    assert len(matched.matches.points_a) == matched.count == 32 * 24
    np.testing.assert_array_equal(matched.matches.points_a, matched.matches.points_b)
    np.testing.assert_allclose(matched.b_from_a, np.eye(3), atol=1e-6)
    assert matched.views == (PLAIN, PLAIN)


def test_the_features_of_a_view_are_computed_once():
    network = PixelNetwork()
    views = view_matcher(network, noise(0), noise(1))
    half = ViewSpec(reduction=2.0)
    calls = []
    for specs in ((PLAIN, PLAIN), (PLAIN, PLAIN), (PLAIN, half), (half, PLAIN), (half, half)):
        views.match(*specs)
        calls.append(len(network.shapes))
    assert calls == [2, 2, 3, 4, 4]


def test_attempts_begin_with_the_likeliest_and_none_is_made_twice():
    attempts = list(view_matcher(PixelNetwork(), noise(0), noise(1)).attempts())
    assert len(attempts) == len(set(attempts)) > 20
    assert attempts[0] == (PLAIN, PLAIN)
    assert {b.quarter_turns for _, b in attempts[1:4]} == {1, 2, 3}
    assert {(a.reduction, b.reduction) for a, b in attempts[4:6]} == {(1.0, 2.0), (2.0, 1.0)}
    tilts = [max(a.tilt, b.tilt) for a, b in attempts]
    assert tilts[:6] == [1.0] * 6
    assert tilts.index(2.0) < tilts.index(4.0)
    # Either image may be the one that is seen from aside.
    assert {a for a, _ in attempts if a.tilt > 1} == {b for _, b in attempts if b.tilt > 1}


def test_the_search_ends_with_many_inliers():
    network, image = PixelNetwork(), noise(0)
    best = view_matcher(network, image, image).find_best(100)
    assert best.count > 700
    assert len(network.shapes) == 2


@pytest.mark.parametrize(("max_attempts", "views"), [(1, 2), (2, 3), (5, 6), (6, 7)])
def test_the_search_ends_after_so_many_attempts(max_attempts, views):
    """Of unlike images: A and B plain, B turned three times, A and B reduced."""
    network = PixelNetwork()
    best = view_matcher(network, noise(0), noise(1)).find_best(max_attempts)
    assert best.count < 80
    assert len(network.shapes) == views


def test_the_search_ends_when_nothing_is_left():
    network = PixelNetwork()
    views = view_matcher(network, noise(0, 96, 64), noise(1, 96, 64))
    attempts = list(views.attempts())
    views.find_best(10**6)
    specs_a, specs_b = zip(*attempts, strict=True)
    assert len(network.shapes) == len(set(specs_a)) + len(set(specs_b))


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_image_is_found_in_the_view_that_turns_it_back(turns):
    image = noise(0)
    best = view_matcher(PixelNetwork(), image, np.rot90(image, turns)).find_best(10)
    assert best.views == (PLAIN, ViewSpec(quarter_turns=4 - turns))
    points_a = np.array([[0, 0], [255, 0], [30, 100], [200, 191]])
    points_b = np.round(arrays.transform_points(best.b_from_a, points_a)).astype(int)
    np.testing.assert_array_equal(
        np.rot90(image, turns)[points_b[:, 1], points_b[:, 0]],
        image[points_a[:, 1], points_a[:, 0]],
    )


def test_a_reduced_image_is_found_in_the_view_that_reduces_the_other():
    image = noise(0, 512, 384)
    half = cv2.resize(image, (256, 192), interpolation=cv2.INTER_AREA)
    best = view_matcher(PixelNetwork(), image, half).find_best(10)
    assert best.views == (ViewSpec(reduction=2.0), PLAIN)
    np.testing.assert_allclose(best.b_from_a, arrays.resizing((512, 384), (256, 192)), atol=1e-6)
    inverse = view_matcher(PixelNetwork(), half, image).find_best(10)
    assert inverse.views == (PLAIN, ViewSpec(reduction=2.0))


def test_the_search_gives_the_match_with_the_most_inliers():
    """A part of A, turned: too few for an end of the search, more than any other view has."""
    image = noise(0)
    b = noise(1, 192, 256)
    b[:64, :64] = np.rot90(image)[:64, :64]  # 8 by 8 cells
    best = view_matcher(PixelNetwork(), image, b).find_best(10)
    assert best.views == (PLAIN, ViewSpec(quarter_turns=3))
    assert 60 <= best.count < 80


def test_cells_that_do_not_show_the_image_have_no_features():
    covered = np.zeros([24, 32], bool)
    covered[5:20, 3:30] = True
    view = image_views.View(noise(0), np.eye(3), covered)
    features = view_matching.compute_features(PixelNetwork(), view)
    assert (features.coarse[~covered] == 0).all()
    assert (features.reliability[~covered] == 0).all()
    whole = view_matching.compute_features(PixelNetwork(), image_views.View(noise(0), np.eye(3)))
    np.testing.assert_array_equal(features.coarse[covered], whole.coarse[covered])
    np.testing.assert_array_equal(features.reliability[covered], 1.0)


@pytest.fixture(scope="module")
def scene(scenes):
    return np.ascontiguousarray(scenes[0][:480, :640])


def test_the_shipped_matcher_finds_an_image_in_itself(matcher, scene):
    matched = view_matcher(matcher, scene, scene).match()
    assert matched.count > 0.9 * len(matched.matches.points_a) > 500
    assert corner_error(matched.b_from_a, np.eye(3), (640, 480)) < 1.5


def test_the_shipped_matcher_finds_a_quarter_turn(matcher, scene):
    best = view_matcher(matcher, scene, np.rot90(scene)).find_best(10)
    expected = np.array([[0, 1, 0], [-1, 0, 639], [0, 0, 1]], np.float64)  # of `np.rot90`
    assert best.count > 80
    assert corner_error(best.b_from_a, expected, (640, 480)) < 3.0


def test_the_shipped_matcher_finds_half_the_size(matcher, scene):
    half = cv2.resize(scene, (320, 240), interpolation=cv2.INTER_AREA)
    best = view_matcher(matcher, scene, half).find_best(10)
    assert best.count > 80
    assert corner_error(best.b_from_a, arrays.resizing((640, 480), (320, 240)), (640, 480)) < 2.0


def test_the_shipped_matcher_has_few_inliers_between_different_scenes(matcher, scenes):
    a, b = (np.ascontiguousarray(scene[:240, :320]) for scene in scenes)
    views = view_matcher(matcher, a, b)
    counts = [views.match(*specs).count for specs in itertools.islice(views.attempts(), 4)]
    assert max(counts) < 80
