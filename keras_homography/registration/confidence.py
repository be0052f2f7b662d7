"""Confidence: the probability that a homography is right, from the evidence for it.

Two logistic regressions: one on the evidence that every candidate has; a second on what the first
says and on the matches of the largest views, for what these refine because gray levels cannot.
"""

from typing import NamedTuple

import numpy as np

from keras_homography.registration.evidence import Evidence

# Of `features` and `fine_features`, fitted by `python -m keras_homography.calibrate`.
WEIGHTS = np.array([1.245, 0.000, 16.981, 24.984, 0.000, -9.709, 0.000, 0.000, 1.484])
BIAS = -24.396
FINE_WEIGHTS = np.array([0.380, 0.956, 6.500, 9.198, -0.642, 0.000, -8.855])
FINE_BIAS = -12.182
# Of the weights: whether more of a feature is better evidence.
SIGNS = np.array([1.0, 1.0, 1.0, 1.0, -1.0, -1.0, -1.0, 1.0, 1.0])
FINE_SIGNS = np.array([1.0, 1.0, 1.0, 1.0, -1.0, 1.0, -1.0])
_MAX_WINDOWS = 40  # more agreeing windows are no better evidence
_MAX_MATCHES = 100  # nor are more agreeing matches
_MAX_FINE_MATCHES = 300  # nor more of the largest view
_MAX_SPREAD = 0.3  # nor a larger share of the overlap
_MIN_PRECISE_SHARE = 0.01  # less is nothing: right answers in other light have as little
_MAX_LOG_ODDS = 8.0  # of the first regression that the second believes


class Constants(NamedTuple):
    """Constants of both regressions.

    Attributes:
      weights: float64 `[9]`, of `features`.
      bias: beside them.
      fine_weights: float64 `[7]`, of `fine_features`.
      fine_bias: beside them.
    """

    weights: np.ndarray = WEIGHTS
    bias: float = BIAS
    fine_weights: np.ndarray = FINE_WEIGHTS
    fine_bias: float = FINE_BIAS


CONSTANTS = Constants()


def features(evidence: Evidence) -> np.ndarray:
    """Compute the inputs of the first regression, float64 `[9]`.

    Windows of gray levels and matches of features are two witnesses: across sensors only one of
    them can speak for a homography, so the better of both counts, and what gray levels say against
    it counts as far as they agree at all.
    """
    matches = evidence.matches
    gray, learned = (
        _log_odds(evidence.agreeing, evidence.windows),
        _log_odds(matches.agreeing, matches.matches),
    )
    gray_share = _gray_share(evidence)
    amounts = _amount(evidence.agreeing, _MAX_WINDOWS), _amount(matches.agreeing, _MAX_MATCHES)
    return np.array(
        [
            max(gray, learned),
            min(gray, learned),
            max(amounts),
            _relative_spread(evidence),
            gray_share * np.log(np.clip(evidence.disagreement, 0.05, 5.0)),
            gray_share * evidence.displaced,
            _log_residual(matches.residual),
            _log_odds(matches.inner_agreeing, matches.inner_matches),
            np.log(max(evidence.precise_share, _MIN_PRECISE_SHARE)),
        ]
    )


def fine_features(evidence: Evidence, constants: Constants = CONSTANTS) -> np.ndarray:
    """Compute the inputs of the second regression, float64 `[7]`.

    Args:
      evidence: with matches of the largest view.
      constants: of the first regression.
    """
    fine = evidence.fine_matches
    assert fine is not None
    limit = _MAX_LOG_ODDS
    return np.array(
        [
            np.clip(log_odds(evidence, constants), -limit, limit),
            _log_odds(fine.agreeing, fine.matches),
            _amount(fine.agreeing, _MAX_FINE_MATCHES),
            np.sqrt(fine.spread),
            _log_residual(fine.residual),
            _log_odds(fine.inner_agreeing, fine.inner_matches),
            _gray_share(evidence) * evidence.displaced,
        ]
    )


def _gray_share(evidence: Evidence) -> float:
    return (evidence.agreeing + 1.0) / (evidence.windows + 2.0)


def _relative_spread(evidence: Evidence) -> float:
    """Side of what agrees, as a share of the side of the overlap: it is judged at its corners."""
    spread = max(evidence.spread, evidence.matches.spread)
    return float(np.sqrt(min(spread / max(evidence.overlap, 0.02), _MAX_SPREAD)))


def _log_odds(agreeing: int, count: int) -> float:
    share = (agreeing + 1.0) / (count + 2.0)
    return float(np.log(share / (1.0 - share)))


def _amount(count: int, maximum: int) -> float:
    return float(np.log1p(min(count, maximum)) / np.log1p(maximum))


def _log_residual(residual: float) -> float:
    return float(np.log(np.clip(residual, 0.3, 6.0)))


def log_odds(evidence: Evidence, constants: Constants = CONSTANTS) -> float:
    """Compute the logarithm of the odds that a candidate is right, by the first regression.

    Args:
      evidence: for the homography.
      constants: of the regressions.

    Returns:
      Minus infinity where nothing speaks for the homography.
    """
    if not evidence.agreeing and not evidence.matches.agreeing:
        return -np.inf
    return float(features(evidence) @ constants.weights + constants.bias)


def probability(evidence: Evidence, constants: Constants = CONSTANTS) -> float:
    """Compute the probability that a homography is right.

    It is right if the mean error at the corners of what both images show is below 3 px, in pixels
    of B. Of several homographies that explain the images alike, each has its share.

    Args:
      evidence: for the homography.
      constants: of the regressions.

    Returns:
      0 to 1.
    """
    odds = log_odds(evidence, constants)
    if evidence.fine_matches is not None and np.isfinite(odds):
        odds = fine_features(evidence, constants) @ constants.fine_weights + constants.fine_bias
    return float(1.0 / (1.0 + np.exp(-odds)) / (1.0 + evidence.alternatives))
