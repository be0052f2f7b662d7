"""The confidence: what it is fitted to, and how that is checked."""

import numpy as np
import pytest

from keras_homography.evaluation import calibration
from keras_homography.registration import alignment_evidence, confidence


@pytest.fixture(scope="module")
def pairs():
    """Evidence and errors of 4,000 pairs, right as often as `confidence` now says."""
    generator = np.random.default_rng(0)
    evidence = [
        alignment_evidence.Evidence(
            overlap=float(generator.uniform(0, 1)),
            windows=60,
            agreeing=int(generator.integers(1, 61)),
            spread=float(generator.uniform(0, 1)),
            disagreement=float(generator.uniform(0.1, 2)),
            displaced=float(generator.uniform(0, 0.6)),
        )
        for _ in range(4000)
    ]
    probabilities = np.array([confidence.probability(each) for each in evidence])
    errors = np.where(generator.uniform(size=4000) < probabilities, 1.0, 50.0)
    return evidence, errors, probabilities


def test_the_fit_finds_the_weights_that_made_the_pairs(pairs):
    evidence, errors, probabilities = pairs
    weights, bias = calibration.fit(evidence, errors, prior=1e-6)
    x = np.array([confidence.features(each) for each in evidence])
    fitted = 1.0 / (1.0 + np.exp(-(x @ weights + bias)))
    assert np.abs(fitted - probabilities).mean() < 0.02


def test_reliability_is_the_diagonal_for_what_is_calibrated(pairs):
    _, errors, probabilities = pairs
    bins = calibration.reliability(probabilities, errors < calibration.RIGHT)
    assert sum(count for count, _, _ in bins) == 4000
    for count, mean, share in bins:
        assert abs(mean - share) < 4.0 / np.sqrt(count)


def test_pairs_of_a_kind_are_measured():
    kinds = [("coco128", "none", 0.0, kind) for kind in ("same", "turned", "bent", "other")]
    assert set(kinds) < set(calibration.KINDS)
    of_pairs, evidence, errors = calibration.measure("synthetic", 4, seed=3, kinds=kinds)
    assert len(of_pairs) == len(evidence) == len(errors)
    for kind in kinds:
        own = errors[[each == kind for each in of_pairs]]
        assert len(own) >= 3
        if kind[3] in ("same", "turned"):
            assert np.median(own) < 0.05
        else:
            assert np.isinf(own).all()
