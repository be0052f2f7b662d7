"""Confidence: the probability that a homography is right, from the evidence for it."""

import numpy as np

from keras_homography.registration.evidence import Evidence

# Of `features`, fitted by logistic regression: `python -m keras_homography.calibrate`.
WEIGHTS = np.array([0.3, 0.3, 0.0, -0.6, -2.0, 1.0, 1.0, 0.0, -1.0, 0.6])
BIAS = -3.0
_MAX_WINDOWS = 40  # more agreeing windows are no better evidence
_MAX_MATCHES = 100  # nor are more agreeing matches


def features(evidence: Evidence) -> np.ndarray:
    """Compute the inputs of the logistic regression, float64 `[10]`."""
    matches = evidence.matches
    return np.array(
        [
            _log_odds(evidence.agreeing, evidence.windows),
            np.log(min(evidence.agreeing, _MAX_WINDOWS) + 1.0),
            np.sqrt(evidence.spread),
            np.log(np.clip(evidence.disagreement, 0.05, 5.0)),
            evidence.displaced,
            _log_odds(matches.agreeing, matches.matches),
            np.log(min(matches.agreeing, _MAX_MATCHES) + 1.0),
            np.sqrt(matches.spread),
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
      weights: float64 `[10]`, of `features`.
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
      weights: float64 `[10]`, of `features`.
      bias: beside them.

    Returns:
      0 to 1.
    """
    odds = log_odds(evidence, weights, bias)
    return float(1.0 / (1.0 + np.exp(-odds)) / (1.0 + evidence.alternatives))
