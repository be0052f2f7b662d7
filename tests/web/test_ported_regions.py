"""Regions that agree in the page's functions in Node, against those of the package."""

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import corner_error, warped_pair

import keras_homography
from keras_homography.registration import (
    candidate,
    candidate_refinement,
    evidence,
    image_pyramid,
    lucas_kanade_level,
)
from keras_homography.web import shared_constants

SIZE = 640, 480


@pytest.fixture(scope="module")
def scenes(images):
    """Two generated images, larger."""
    return [
        cv2.resize(image[..., 0], (800, 600), interpolation=cv2.INTER_CUBIC) for image in images[:2]
    ]


@pytest.fixture(scope="module")
def pairs(scenes):
    """`(a, b, a_from_b)` by what shows another image in B: nothing, a tenth, half, most."""
    pairs = {}
    for name, share in {"nothing": 0.0, "a tenth": 0.1, "half": 0.5, "most": 0.6}.items():
        a, b, truth = warped_pair(scenes[0], 5, reach=12.0, size=SIZE)
        left = round((1 - share) * SIZE[0])
        b[:, left:] = scenes[1][: SIZE[1], left : SIZE[0]]
        pairs[name] = a, b, truth
    return pairs


def shifted(matrix, x, y):
    return matrix @ np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


@pytest.mark.parametrize("size", [(80, 64), (61, 90), (320, 240)])
def test_sums_around_points_are_those_of_the_package(node, size):
    random = np.random.default_rng(0)
    gray = random.integers(0, 255, size[::-1], np.uint8)
    mask = np.ones(gray.shape, bool)
    mask[:, 30:] = False
    mask[10:20, :5] = False
    for mask_b in (None, mask):
        level = lucas_kanade_level.Level(gray, gray, mask_b=mask_b)
        values = random.uniform(0, 1, len(level.x)).astype(np.float32)
        sums = node("sumAround", gray, None if mask_b is None else mask_b.astype(np.uint8), values)
        np.testing.assert_allclose(sums, level.sum_around(values), rtol=1e-5)


@pytest.mark.parametrize("name", ["nothing", "a tenth", "half", "most"])
def test_refinement_by_regions_ends_where_that_of_the_package_ends(node, pairs, name):
    a, b, truth = pairs[name]
    pair = image_pyramid.ImagePair(a, b)
    start = shifted(truth, 4, -3)
    refined = np.reshape(node("refine", a, b, start, 12, 5, True), (3, 3))
    expected = pair.refine_to_comparison_level(start, 12, by_regions=True)
    expected = pair.refine_to_full_resolution(expected, 5, by_regions=True)
    assert corner_error(refined, expected, SIZE) < 1e-4
    assert corner_error(refined, truth, SIZE) < 0.2


@pytest.mark.parametrize("shift", [0.0, 0.5, 3.0, 40.0])
@pytest.mark.parametrize("name", ["nothing", "a tenth", "half", "most"])
def test_comparisons_by_regions_say_the_same(node, pairs, name, shift):
    a, b, truth = pairs[name]
    matrix = shifted(truth, shift, 0)
    measured = node("compare", a, b, matrix)
    expected = image_pyramid.ImagePair(a, b).compare(matrix)
    assert measured["disagreement"] == pytest.approx(expected.disagreement(), rel=1e-6)
    assert measured["leftOutShare"] == pytest.approx(expected.left_out_share(), abs=1e-6)
    assert measured["preciseShare"] == pytest.approx(expected.precise_share(), abs=2e-4)


def test_without_overlap_everything_is_left_out(node, pairs):
    a, b, truth = pairs["half"]
    matrix = shifted(truth, 2000, 0)
    expected = image_pyramid.ImagePair(a, b).compare(matrix)
    assert expected.left_out_share() == 1.0
    measured = node("compare", a, b, matrix)
    assert measured == {
        "disagreement": None,
        "leftOutShare": 1,
        "preciseShare": 0,
    }  # None: infinite


@pytest.mark.parametrize("name", ["nothing", "a tenth", "half", "most"])
def test_candidates_are_refined_by_regions_where_these_are_closer(node, pairs, name):
    a, b, truth = pairs[name]
    pair = image_pyramid.ImagePair(a, b)
    start = shifted(truth, 4, -3)
    refined = np.reshape(node("refineCandidate", a, b, start), (3, 3))
    expected = candidate_refinement.CandidateRefinement(None, pair, None)._refine(start)
    assert corner_error(refined, expected, SIZE) < 1e-4
    assert corner_error(refined, truth, SIZE) < 0.3


@pytest.mark.parametrize("agreeing", [10, 80])
@pytest.mark.parametrize("precise_share", [0.0, 0.3])
def test_points_that_agree_precisely_say_what_refines(node, agreeing, precise_share):
    example = evidence.Evidence(0.8, 100, agreeing, 0.2, 0.4, precise_share=precise_share)
    as_json = {"windows": 100, "agreeing": agreeing, "preciseShare": precise_share}
    expected = candidate.Candidate("", np.eye(3), example).is_refined_by_gray
    assert node("isRefinedByGray", as_json) == expected


@pytest.mark.long
@pytest.mark.parametrize("name", ["a tenth", "half", "most"])
def test_pairs_with_occlusion_have_the_verdict_of_the_package(node, pairs, name):
    a, b, _ = pairs[name]
    attempts = shared_constants.untilted_attempts()
    estimator = keras_homography.HomographyEstimator(max_attempts=attempts, num_threads=1)
    expected, answer = estimator.estimate(a, b), node("estimate", a, b, {})
    assert answer["ok"] == expected.ok
    assert answer["confidence"] == pytest.approx(expected.confidence, abs=1e-3)
    if expected.ok:
        assert corner_error(np.reshape(answer["aFromB"], (3, 3)), expected.a_from_b, SIZE) < 0.02
