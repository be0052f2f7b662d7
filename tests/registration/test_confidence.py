"""Confidence: a probability that rises with the evidence."""

import dataclasses

import numpy as np
import pytest

from keras_homography.registration import confidence
from keras_homography.registration.alignment_evidence import NO_EVIDENCE, Evidence

EVIDENCE = Evidence(overlap=0.8, windows=100, agreeing=50, spread=0.5, disagreement=0.5)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("agreeing", [1, 10, 50, 95, 100]),
        ("spread", [0.0, 0.1, 0.5, 0.9]),
        ("disagreement", [4.0, 1.0, 0.5, 0.1]),
        ("displaced", [0.5, 0.2, 0.0]),
    ],
)
def test_better_evidence_gives_more_confidence(name, values):
    probabilities = [
        confidence.probability(dataclasses.replace(EVIDENCE, **{name: value})) for value in values
    ]
    assert (np.diff(probabilities) > 0).all()
    assert 0.0 < probabilities[0] < probabilities[-1] < 1.0


def test_without_an_agreeing_window_there_is_none():
    assert confidence.probability(NO_EVIDENCE) == 0.0
    assert confidence.probability(dataclasses.replace(EVIDENCE, agreeing=0)) == 0.0


def test_extreme_evidence_stays_finite():
    for evidence in (
        dataclasses.replace(EVIDENCE, agreeing=100, disagreement=0.0, spread=1.0),
        dataclasses.replace(EVIDENCE, agreeing=1, windows=10**6, disagreement=np.inf, spread=0.0),
    ):
        assert np.isfinite(confidence.features(evidence)).all()
        assert 0.0 <= confidence.probability(evidence) <= 1.0
