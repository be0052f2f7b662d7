"""Confidence: a probability that rises with the evidence."""

import dataclasses

import numpy as np
import pytest

from keras_homography.registration import confidence
from keras_homography.registration.evidence import (
    NO_EVIDENCE,
    NO_MATCHES,
    Evidence,
    MatchEvidence,
)

MATCHES = MatchEvidence(
    matches=200, agreeing=100, spread=0.5, residual=1.5, inner_matches=90, inner_agreeing=45
)
EVIDENCE = Evidence(
    overlap=0.8, windows=100, agreeing=50, spread=0.5, disagreement=0.7, matches=MATCHES
)


def with_agreeing_matches(share):
    """The evidence with so many of the matches in their place, everywhere alike."""
    matches = dataclasses.replace(
        MATCHES, agreeing=int(200 * share), inner_agreeing=int(90 * share)
    )
    return dataclasses.replace(EVIDENCE, matches=matches)


def with_quality(quality):
    """All evidence at once, from bad, 0, to good, 1."""
    matches = MatchEvidence(
        matches=200,
        agreeing=int(200 * quality),
        spread=0.9 * quality,
        residual=5.0 - 4.4 * quality,
        inner_matches=90,
        inner_agreeing=int(90 * quality),
    )
    return Evidence(
        overlap=0.8,
        windows=100,
        agreeing=int(100 * quality),
        spread=0.9 * quality,
        disagreement=3.0 - 2.8 * quality,
        displaced=0.4 * (1.0 - quality),
        precise_share=0.8 * quality,
        matches=matches,
    )


@pytest.mark.parametrize(
    "evidence",
    [
        [dataclasses.replace(EVIDENCE, agreeing=count) for count in (1, 10, 50, 95, 100)],
        [dataclasses.replace(EVIDENCE, displaced=share) for share in (0.5, 0.2, 0.0)],
        [dataclasses.replace(EVIDENCE, precise_share=share) for share in (0.0, 0.1, 0.3, 0.9)],
        [with_agreeing_matches(share) for share in (0.1, 0.3, 0.6, 0.9, 1.0)],
        [with_quality(quality) for quality in (0.05, 0.2, 0.4, 0.6, 0.8, 1.0)],
    ],
    ids=["windows", "displaced parts", "precise points", "matches", "everything"],
)
def test_better_evidence_gives_more_confidence(evidence):
    probabilities = [confidence.probability(each) for each in evidence]
    # The better of two witnesses counts: a few more windows need not matter beside many matches.
    assert (np.diff(probabilities) >= 0).all()
    assert 0.0 < probabilities[0] < probabilities[-1] < 1.0


def test_the_best_evidence_is_trusted_and_the_worst_is_not():
    assert confidence.probability(with_quality(1.0)) > 0.97
    assert confidence.probability(with_quality(0.05)) < 0.1


def test_several_homographies_share_the_confidence():
    alone = confidence.probability(EVIDENCE)
    for alternatives in (1, 2, 4):
        evidence = dataclasses.replace(EVIDENCE, alternatives=alternatives)
        assert confidence.probability(evidence) == pytest.approx(alone / (1 + alternatives))
        # Candidates are compared by what speaks for each.
        assert confidence.log_odds(evidence) == confidence.log_odds(EVIDENCE)


def test_the_probability_is_that_of_the_odds():
    odds = np.exp(confidence.log_odds(EVIDENCE))
    assert confidence.probability(EVIDENCE) == pytest.approx(odds / (1.0 + odds))


def test_other_weights_are_used_where_they_are_given():
    nothing = confidence.Constants(np.zeros(9), 0.0, np.zeros(7), 1.0)
    assert confidence.log_odds(EVIDENCE, nothing) == 0.0
    assert confidence.probability(EVIDENCE, nothing) == 0.5
    fine = with_fine_quality(0.5)
    assert confidence.probability(fine, nothing) == pytest.approx(1.0 / (1.0 + np.exp(-1.0)))
    assert len(confidence.features(fine)) == len(confidence.WEIGHTS)
    assert len(confidence.fine_features(fine)) == len(confidence.FINE_WEIGHTS)


def test_where_nothing_agrees_there_is_none():
    assert confidence.probability(NO_EVIDENCE) == 0.0
    nothing = dataclasses.replace(
        EVIDENCE, agreeing=0, matches=dataclasses.replace(MATCHES, agreeing=0, inner_agreeing=0)
    )
    assert confidence.probability(nothing) == 0.0
    # Windows alone may agree, or matches alone.
    assert confidence.probability(dataclasses.replace(EVIDENCE, matches=NO_MATCHES)) > 0.0
    assert confidence.probability(dataclasses.replace(EVIDENCE, agreeing=0)) > 0.0


def test_extreme_evidence_stays_finite():
    many = MatchEvidence(10**6, 10**6, 1.0, 0.0, 10**6, 10**6)
    for evidence in (
        NO_EVIDENCE,
        dataclasses.replace(EVIDENCE, agreeing=100, disagreement=0.0, spread=1.0, matches=many),
        dataclasses.replace(EVIDENCE, agreeing=1, windows=10**6, disagreement=np.inf, spread=0.0),
        dataclasses.replace(EVIDENCE, matches=NO_MATCHES),
    ):
        assert np.isfinite(confidence.features(evidence)).all()
        assert 0.0 <= confidence.probability(evidence) <= 1.0


def with_fine_quality(quality):
    """Doubtful evidence, with matches of the largest view from bad, 0, to good, 1."""
    fine = MatchEvidence(
        matches=400,
        agreeing=int(400 * quality),
        spread=0.9 * quality,
        residual=5.0 - 4.0 * quality,
        inner_matches=180,
        inner_agreeing=int(180 * quality),
    )
    return dataclasses.replace(EVIDENCE, fine_matches=fine)


def test_matches_of_the_largest_view_decide_where_there_is_doubt():
    qualities = (0.05, 0.2, 0.4, 0.6, 0.8, 0.95)
    probabilities = [confidence.probability(with_fine_quality(quality)) for quality in qualities]
    assert (np.diff(probabilities) > 0).all()
    alone = confidence.probability(EVIDENCE)
    assert probabilities[0] < alone < probabilities[-1]
    # Candidates are compared by what is known of each.
    assert confidence.log_odds(with_fine_quality(0.2)) == confidence.log_odds(EVIDENCE)


def test_the_spread_is_judged_within_the_overlap():
    small = dataclasses.replace(
        EVIDENCE, overlap=0.1, spread=0.05, matches=dataclasses.replace(MATCHES, spread=0.05)
    )
    assert confidence.probability(small) == confidence.probability(EVIDENCE)
    corner = dataclasses.replace(small, overlap=0.8)
    assert confidence.probability(corner) < confidence.probability(small)
