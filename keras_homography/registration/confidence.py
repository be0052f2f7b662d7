"""Confidence: the probability that a homography is right, from the evidence for it."""

import numpy as np

from keras_homography.registration import alignment_evidence

# Of `features`, fitted by logistic regression: `python -m keras_homography.calibrate`.
WEIGHTS = np.array([0.85, 1.779, 7.015, -2.971, -7.115])
BIAS = -10.509
_MAX_WINDOWS = 40  # more agreeing windows are no better evidence


def features(evidence: alignment_evidence.Evidence) -> np.ndarray:
    """Compute the inputs of the logistic regression, float64 `[5]`."""
    share = (evidence.agreeing + 1.0) / (evidence.windows + 2.0)
    return np.array(
        [
            np.log(share / (1.0 - share)),
            np.log(min(evidence.agreeing, _MAX_WINDOWS) + 1.0),
            np.sqrt(evidence.spread),
            np.log(np.clip(evidence.disagreement, 0.05, 5.0)),
            evidence.displaced,
        ]
    )


def probability(evidence: alignment_evidence.Evidence) -> float:
    """Compute the probability that the mean error of the corners of B is below 3 px, 0 to 1."""
    if not evidence.agreeing:
        return 0.0
    return float(1.0 / (1.0 + np.exp(-(features(evidence) @ WEIGHTS + BIAS))))
