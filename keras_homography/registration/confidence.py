"""Confidence: the probability that a homography is right, from the evidence for it."""

import numpy as np

from keras_homography.registration.evidence import Evidence

# Of `features`, fitted by logistic regression: `python -m keras_homography.calibrate`.
WEIGHTS = np.array([0.434, 0.613, 12.727, 0.627, -1.965, -27.297, -1.825, 0.136])
BIAS = -11.460
_MAX_WINDOWS = 40  # more agreeing windows are no better evidence
_MAX_MATCHES = 100  # nor are more agreeing matches


def features(evidence: Evidence) -> np.ndarray:
    """Compute the inputs of the logistic regression, float64 `[8]`.

    Windows of gray levels and matches of features are two witnesses: across sensors only one of
    them can speak for a homography, so the better of both counts, and what gray levels say against
    it counts as far as they agree at all.
    """
    matches = evidence.matches
    gray, learned = (
        _log_odds(evidence.agreeing, evidence.windows),
        _log_odds(matches.agreeing, matches.matches),
    )
    gray_share = (evidence.agreeing + 1.0) / (evidence.windows + 2.0)
    amounts = (
        np.log1p(min(evidence.agreeing, _MAX_WINDOWS)) / np.log1p(_MAX_WINDOWS),
        np.log1p(min(matches.agreeing, _MAX_MATCHES)) / np.log1p(_MAX_MATCHES),
    )
    return np.array(
        [
            max(gray, learned),
            min(gray, learned),
            max(amounts),
            np.sqrt(max(evidence.spread, matches.spread)),
            gray_share * np.log(np.clip(evidence.disagreement, 0.05, 5.0)),
            gray_share * evidence.displaced,
            np.log(np.clip(matches.residual, 0.3, 6.0)),
            _log_odds(matches.inner_agreeing, matches.inner_matches),
        ]
    )


def _log_odds(agreeing: int, count: int) -> float:
    share = (agreeing + 1.0) / (count + 2.0)
    return float(np.log(share / (1.0 - share)))


def log_odds(evidence: Evidence, weights: np.ndarray = WEIGHTS, bias: float = BIAS) -> float:
    """Compute the logarithm of the odds that a homography is right: see `probability`.

    Args:
      evidence: for the homography.
      weights: float64 `[8]`, of `features`.
      bias: beside them.

    Returns:
      Minus infinity where nothing speaks for the homography.
    """
    if not evidence.agreeing and not evidence.matches.agreeing:
        return -np.inf
    return float(features(evidence) @ weights + bias)


def probability(evidence: Evidence, weights: np.ndarray = WEIGHTS, bias: float = BIAS) -> float:
    """Compute the probability that a homography is right.

    It is right if the mean error at the corners of what both images show is below 3 px, in pixels
    of B. Of several homographies that explain the images alike, each has its share.

    Args:
      evidence: for the homography.
      weights: float64 `[8]`, of `features`.
      bias: beside them.

    Returns:
      0 to 1.
    """
    odds = log_odds(evidence, weights, bias)
    return float(1.0 / (1.0 + np.exp(-odds)) / (1.0 + evidence.alternatives))
