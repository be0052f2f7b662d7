"""Other homographies that explain two images: of tiles that NumPy repeats, and of facades."""

import numpy as np
import pytest
from helpers.warped_pairs import corner_error

from keras_homography.evaluation import trap_drawings
from keras_homography.registration import ambiguity, image_pyramid

WIDTH, HEIGHT = 400, 300
PERIOD_X, PERIOD_Y = 72, 60
SHIFT = (20, 10)  # B lies so much further right and down


def translation(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


TRUTH = translation(*SHIFT)


def cut(world, x, y):
    return np.ascontiguousarray(world[50 + y : 50 + y + HEIGHT, 100 + x : 100 + x + WIDTH])


def pair_of(world):
    return image_pyramid.ImagePair(cut(world, 0, 0), cut(world, *SHIFT))


@pytest.fixture(scope="module")
def tiled(scenes):
    tile = scenes[0][100 : 100 + PERIOD_Y, 100 : 100 + PERIOD_X]
    return np.tile(tile, (10, 12))[:600, :800]


@pytest.fixture(scope="module")
def with_object(tiled, scenes):
    """The tiles around one thing that does not repeat itself."""
    world = tiled.copy()
    y, x = np.indices(world.shape)
    inside = ((x - 320) / 70) ** 2 + ((y - 220) / 50) ** 2 < 1
    world[inside] = scenes[1][inside]
    return world


def shifts(alternatives):
    """How far each is from the truth, `[n, 2]`, pixels."""
    return np.array([other.a_from_b[:2, 2] - TRUTH[:2, 2] for other in alternatives])


def test_tiles_fit_one_period_further_as_well(tiled):
    alternatives = ambiguity.find_alternatives(pair_of(tiled), TRUTH)
    assert len(alternatives) == 4
    for other, shift in zip(alternatives, shifts(alternatives), strict=True):
        assert other.is_as_good
        assert not other.is_better
        periods = shift / [PERIOD_X, PERIOD_Y]
        np.testing.assert_allclose(periods, np.round(periods), atol=0.02)
        assert np.abs(np.round(periods)).sum() >= 1
        np.testing.assert_allclose(other.a_from_b[:2, :2], np.eye(2), atol=1e-2)


def test_one_thing_that_does_not_repeat_itself_decides(with_object):
    alternatives = ambiguity.find_alternatives(pair_of(with_object), TRUTH)
    for other in alternatives:
        assert not other.is_as_good
        assert not other.is_better
        assert other.against_it > other.for_it


def test_an_answer_one_period_off_is_found_out(with_object):
    wrong = translation(SHIFT[0] + PERIOD_X, SHIFT[1])
    alternatives = ambiguity.find_alternatives(pair_of(with_object), wrong)
    best = max(alternatives, key=lambda other: other.for_it - other.against_it)
    assert best.is_better
    assert best.is_as_good
    assert corner_error(best.a_from_b, TRUTH, (WIDTH, HEIGHT)) < 0.5


def test_what_does_not_repeat_itself_has_no_alternative(scenes):
    for scene in scenes:
        alternatives = ambiguity.find_alternatives(pair_of(scene), TRUTH)
        assert not any(other.is_as_good for other in alternatives)


def test_the_period_of_large_images_is_in_their_own_pixels(tiled):
    large = np.repeat(np.repeat(tiled, 2, axis=0), 2, axis=1)
    a, b = large[:600, :800], large[20:620, 40:840]
    pair = image_pyramid.ImagePair(np.ascontiguousarray(a), np.ascontiguousarray(b))
    assert pair.comparison_level > 0
    answer = translation(40, 20)
    alternatives = ambiguity.find_alternatives(pair, answer)
    assert len(alternatives) == 4
    for other in alternatives:
        periods = (other.a_from_b - answer)[:2, 2] / [2 * PERIOD_X, 2 * PERIOD_Y]
        np.testing.assert_allclose(periods, np.round(periods), atol=0.03)


def test_an_image_without_overlap_or_texture_has_none(scenes):
    pair = pair_of(scenes[0])
    assert ambiguity.find_alternatives(pair, translation(399, 0)) == []
    flat = np.full([HEIGHT, WIDTH], 90, np.uint8)
    pair = image_pyramid.ImagePair(flat, flat)
    assert not any(other.is_better for other in ambiguity.find_alternatives(pair, np.eye(3)))


def facade(seed):
    """A facade, and its horizontal period: the shift at which it correlates best with itself."""
    world = trap_drawings.draw_facade(np.random.default_rng(seed), 800, 600)
    centered = world.astype(np.float64) - world.mean()
    correlations = {
        shift: (centered[:, shift:] * centered[:, :-shift]).mean() for shift in range(50, 90)
    }
    return world, max(correlations, key=correlations.get)


@pytest.mark.parametrize("seed", range(3))
def test_windows_of_a_facade_that_differ_give_the_answer(seed):
    world, period = facade(seed)
    pair = pair_of(world)
    assert not any(other.is_better for other in ambiguity.find_alternatives(pair, TRUTH))
    wrong = translation(SHIFT[0] - period, SHIFT[1])
    better = [other for other in ambiguity.find_alternatives(pair, wrong) if other.is_better]
    assert min(corner_error(other.a_from_b, TRUTH, (WIDTH, HEIGHT)) for other in better) < 0.5


@pytest.mark.parametrize("seed", range(2))
def test_the_estimator_leaves_an_answer_one_window_off(estimator, seed):
    world, period = facade(seed)
    a, b = cut(world, 0, 0), cut(world, *SHIFT)
    wrong = translation(SHIFT[0] - period, SHIFT[1])
    result = estimator.estimate(a, b, initial_a_from_b=wrong)
    assert corner_error(result.best_a_from_b, TRUTH, (WIDTH, HEIGHT)) < 1.0


def test_tiles_are_refused_because_they_repeat_themselves(estimator, tiled):
    a, b = cut(tiled, 0, 0), cut(tiled, *SHIFT)
    result = estimator.estimate(a, b)
    assert not result
    assert result.reason_code == "repeats_itself"
    assert len(result.alternatives) == result.evidence.alternatives >= 2
    for a_from_b in result.alternatives:
        periods = (a_from_b - result.best_a_from_b)[:2, 2] / [PERIOD_X, PERIOD_Y]
        np.testing.assert_allclose(periods, np.round(periods), atol=0.05)
    assert result.confidence < 0.5
