"""The search over initializations: which are tried, in which order, and when it stops."""

import time

import numpy as np
import pytest
from helpers.warped_pairs import corner_error, warped_pair

from keras_homography.registration import candidate_search, image_pyramid, sift_matching
from keras_homography.registration.candidate import NO_CANDIDATE
from keras_homography.registration.candidate_refinement import (
    SUFFICIENT_CONFIDENCE,
    CandidateRefinement,
)
from keras_homography.registration.candidate_search import Budget, Search
from keras_homography.saving import networks


class CountingNetwork:
    """A network that counts its calls."""

    def __init__(self, network):
        self._network, self.calls = network, 0
        self.patch_size = network.patch_size

    def __call__(self, pairs):
        self.calls += 1
        return self._network(pairs)


class SilentNetwork:
    """A network that has no answer."""

    patch_size = 64

    def __call__(self, pairs):
        return np.full([1, 4, 2], np.nan, np.float32)


def silent_matcher(image):
    """A matcher to which no cell is reliable, so that none match."""
    rows, columns = image.shape[1] // 8, image.shape[2] // 8
    fine = np.zeros([2 * rows, 2 * columns, 2], np.float32)
    return np.ones([rows, columns, 2], np.float32), fine, np.zeros([rows, columns], np.float32)


@pytest.fixture(scope="module")
def shipped():
    return networks.open_network()


@pytest.fixture
def network(shipped):
    return CountingNetwork(shipped)


@pytest.fixture
def tried(monkeypatch):
    """The initializations that are refined, by name, in order."""
    names = []
    refine = CandidateRefinement.refine_coarse

    def record(refinement, name, a_from_b):
        names.append(name)
        return refine(refinement, name, a_from_b)

    monkeypatch.setattr(CandidateRefinement, "refine_coarse", record)
    return names


@pytest.fixture(scope="module")
def warped(images):
    a, b, a_from_b = warped_pair(images[0, ..., 0], 4, reach=12.0)
    return image_pyramid.ImagePair(a, b), a_from_b


@pytest.fixture(scope="module")
def different(images):
    return image_pyramid.ImagePair(images[0, ..., 0], images[1, ..., 0])


def search_of(network, matcher, pair, max_attempts=10, deadline=None):
    return Search(network, matcher, pair, Budget(max_attempts, deadline))


def test_a_confident_initial_homography_ends_the_search_without_the_network(
    network, matcher, warped, tried
):
    pair, a_from_b = warped
    search = search_of(network, matcher, pair)
    best = search.find_best(a_from_b)
    assert best.probability > SUFFICIENT_CONFIDENCE
    assert tried == [best.initialization] == ["previous"]
    assert network.calls == 0
    assert search.attempts == 1


def test_a_confident_answer_of_the_network_ends_the_search(network, matcher, warped, tried):
    pair, a_from_b = warped
    search = search_of(network, matcher, pair)
    best = search.find_best()
    assert best.probability > SUFFICIENT_CONFIDENCE
    assert corner_error(best.a_from_b, a_from_b, (240, 160)) < 0.05
    assert tried == ["network"]
    assert network.calls == search.attempts == 1


def test_a_wrong_initial_homography_is_not_the_last_word(network, matcher, warped):
    pair, a_from_b = warped
    wrong = np.array([[1, 0, 200], [0, 1, 0], [0, 0, 1.0]])
    search = search_of(network, matcher, pair)
    best = search.find_best(wrong)
    assert best.initialization == "network"
    assert search.attempts == 2
    assert corner_error(best.a_from_b, a_from_b, (240, 160)) < 0.05


def test_without_confidence_ten_are_tried_the_cheapest_first(network, matcher, different, tried):
    search = search_of(network, matcher, different)
    best = search.find_best()
    assert best.probability < SUFFICIENT_CONFIDENCE
    assert tried[:2] == ["network", "matches"]
    assert set(tried[2:5]) == {
        f"matches of plain and turned by {degrees} degrees" for degrees in (90, 180, 270)
    }
    assert set(tried[5:7]) == {
        "matches of plain and reduced 2 times",
        "matches of reduced 2 times and plain",
    }
    assert tried[7] == "SIFT"
    assert all("tilted" in name for name in tried[8:])
    assert len(tried) == search.attempts == 10
    assert network.calls == 1


def test_a_likely_answer_that_two_others_do_not_improve_ends_the_search(
    network, matcher, warped, monkeypatch
):
    pair, a_from_b = warped
    monkeypatch.setattr(candidate_search, "SUFFICIENT_CONFIDENCE", 1.0)
    search = search_of(network, matcher, pair)
    best = search.find_best()
    assert search.attempts == 3
    assert corner_error(best.a_from_b, a_from_b, (240, 160)) < 0.05


@pytest.mark.parametrize("max_attempts", [1, 2, 4])
def test_attempts_are_limited(network, different, tried, max_attempts):
    search = search_of(network, silent_matcher, different, max_attempts)
    search.find_best()
    assert len(tried) == search.attempts == max_attempts


def test_the_search_ends_when_nothing_is_left(different, tried):
    search = search_of(SilentNetwork(), silent_matcher, different, 10_000)
    search.find_best()
    assert 20 < search.attempts < 100
    assert len(tried) == len(set(tried)) == search.attempts


def test_no_attempt_but_the_first_begins_after_the_deadline(network, different, tried):
    search = search_of(network, silent_matcher, different, deadline=time.monotonic() - 1.0)
    search.find_best()
    assert set(tried) == {"network"}
    assert search.attempts == 1


def test_a_distant_deadline_changes_nothing(network, matcher, warped):
    pair, _ = warped
    expected = search_of(network, matcher, pair).find_best()
    best = search_of(network, matcher, pair, deadline=time.monotonic() + 1e6).find_best()
    np.testing.assert_array_equal(best.a_from_b, expected.a_from_b)


def test_sift_finds_what_no_network_does(warped):
    pair, a_from_b = warped
    best = search_of(SilentNetwork(), silent_matcher, pair).find_best()
    assert best.initialization == "SIFT"
    assert corner_error(best.a_from_b, a_from_b, (240, 160)) < 0.05


def test_without_any_homography_there_is_no_candidate(warped, monkeypatch):
    pair, _ = warped
    monkeypatch.setattr(sift_matching, "find_a_from_b", lambda _: None)
    search = search_of(SilentNetwork(), silent_matcher, pair)
    assert search.find_best() is NO_CANDIDATE
    assert search.attempts == 10


def test_matches_help_where_the_network_knows_nothing(matcher, images, tried):
    a, b, a_from_b = warped_pair(images[0, ..., 0], 4, reach=30.0)
    best = search_of(SilentNetwork(), matcher, image_pyramid.ImagePair(a, b)).find_best()
    assert tried == ["network", "matches"]
    assert best.initialization == "matches"
    assert corner_error(best.a_from_b, a_from_b, (240, 160)) < 0.05


def test_matches_correct_what_gray_levels_cannot(matcher, warped, monkeypatch):
    """Of images where Lucas-Kanade fails, an initial homography some pixels off is corrected."""
    pair, a_from_b = warped
    monkeypatch.setattr(
        image_pyramid.ImagePair, "refine_to_comparison_level", lambda *_, **__: None
    )
    off = a_from_b @ np.array([[1, 0, 5], [0, 1, -4], [0, 0, 1.0]])
    best = search_of(SilentNetwork(), matcher, pair, max_attempts=1).find_best(off)
    assert best.initialization == "previous"
    error = corner_error(best.a_from_b, a_from_b, (240, 160))
    assert error < 0.5 * corner_error(off, a_from_b, (240, 160))


def test_evidence_is_that_of_the_homography_at_full_resolution(network, matcher, images):
    y, x = np.indices([480, 640])
    large = np.repeat(np.repeat(images[0, ..., 0], 2, axis=0), 2, axis=1)
    large = (0.9 * large + 12 * np.sin(x / 3) * np.sin(y / 3) + 12).astype(np.uint8)
    a, b, a_from_b = warped_pair(large, 4, reach=10.0, size=(560, 420))
    pair = image_pyramid.ImagePair(a, b)
    assert pair.comparison_level > 0
    best = search_of(network, matcher, pair).find_best()
    assert corner_error(best.a_from_b, a_from_b, (560, 420)) < 0.1
    assert best.evidence.displaced == 0.0
    assert best.evidence.matches.share > 0.8
