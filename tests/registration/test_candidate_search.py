"""The search over initializations: which are tried, and when it stops."""

import numpy as np
import pytest
from helpers.warped_pairs import corner_error, warped_pair

from keras_homography.registration import candidate_search, image_pyramid, initialization
from keras_homography.saving import networks


class CountingNetwork:
    """A network that counts its calls."""

    def __init__(self, network):
        self._network, self.calls = network, 0
        self.patch_size = network.patch_size

    def __call__(self, pairs):
        self.calls += 1
        return self._network(pairs)


@pytest.fixture
def network(shipped):
    return CountingNetwork(shipped)


@pytest.fixture(scope="module")
def shipped():
    return networks.open_network()


@pytest.fixture
def tried(monkeypatch):
    """The initializations that are refined, by name, in order."""
    names = []
    refine = candidate_search._refine_coarse

    def record(pair, name, a_from_b):
        names.append(name)
        return refine(pair, name, a_from_b)

    monkeypatch.setattr(candidate_search, "_refine_coarse", record)
    return names


@pytest.fixture(scope="module")
def warped(images):
    a, b, a_from_b = warped_pair(images[0, ..., 0], 4, reach=12.0)
    return image_pyramid.ImagePair(a, b), a_from_b


def test_a_confident_initial_homography_ends_the_search_without_the_network(network, warped, tried):
    pair, a_from_b = warped
    best = candidate_search.find_best(network, pair, a_from_b)
    assert best.probability > candidate_search.SUFFICIENT_CONFIDENCE
    assert tried == [best.initialization] == ["previous"]
    assert network.calls == 0


def test_a_confident_answer_of_the_network_ends_the_search(network, warped, tried):
    pair, a_from_b = warped
    best = candidate_search.find_best(network, pair)
    assert best.probability > candidate_search.SUFFICIENT_CONFIDENCE
    assert corner_error(best.a_from_b, a_from_b, (240, 160)) < 0.05
    assert tried == ["network", "identity"]
    assert network.calls == 1


def test_a_wrong_initial_homography_is_not_the_last_word(network, warped):
    pair, a_from_b = warped
    wrong = np.array([[1, 0, 200], [0, 1, 0], [0, 0, 1.0]])
    best = candidate_search.find_best(network, pair, wrong)
    assert best.initialization == "network"
    assert corner_error(best.a_from_b, a_from_b, (240, 160)) < 0.05


def test_without_confidence_everything_is_tried(network, images, tried):
    pair = image_pyramid.ImagePair(images[0, ..., 0], images[1, ..., 0])
    best = candidate_search.find_best(network, pair)
    assert best.probability < candidate_search.SUFFICIENT_CONFIDENCE
    assert set(tried) == {
        *("network", "identity", "features", "turned 90", "turned 180", "turned 270"),
        *("zoomed into A", "zoomed into B"),
    }
    assert network.calls > 6  # its corrections too


def test_features_help_where_the_network_knows_nothing(images, monkeypatch):
    class Silent:
        patch_size = 64

        def __call__(self, pairs):
            return np.full([1, 4, 2], np.nan, np.float32)

    a, b, a_from_b = warped_pair(images[0, ..., 0], 4, reach=40.0)
    pair = image_pyramid.ImagePair(a, b)
    best = candidate_search.find_best(Silent(), pair)
    assert best.initialization == "features"
    assert corner_error(best.a_from_b, a_from_b, (240, 160)) < 0.05
    monkeypatch.setattr(initialization, "from_features", lambda pair: None)
    without = candidate_search.find_best(Silent(), pair)
    assert without.evidence.score < best.evidence.score


def test_the_network_corrects_the_best_candidate(shipped, images):
    a, b, a_from_b = warped_pair(images[0, ..., 0], 4, reach=12.0)
    pair = image_pyramid.ImagePair(a, b)
    off = a_from_b @ np.array([[1, 0, 16], [0, 1, -12], [0, 0, 1.0]])
    corrected = initialization.from_network_after_alignment(shipped, pair, off)
    assert corner_error(corrected, a_from_b, (240, 160)) < 3.0


def test_evidence_is_that_of_the_homography_at_full_resolution(network, images):
    y, x = np.indices([480, 640])
    large = np.repeat(np.repeat(images[0, ..., 0], 2, axis=0), 2, axis=1)
    large = (0.9 * large + 12 * np.sin(x / 3) * np.sin(y / 3) + 12).astype(np.uint8)
    a, b, a_from_b = warped_pair(large, 4, reach=10.0, size=(560, 420))
    pair = image_pyramid.ImagePair(a, b)
    assert pair.comparison_level > 0
    best = candidate_search.find_best(network, pair)
    assert corner_error(best.a_from_b, a_from_b, (560, 420)) < 0.1
    assert best.evidence.displaced == 0.0
