"""How likely a homography is right, and what is wrong where it is not."""

import numpy as np

# Of `features`, fitted by logistic regression: `python -m keras_homography.calibrate`.
WEIGHTS = np.array([0.85, 1.779, 7.015, -2.971, -7.115])
BIAS = -10.509
_FEW_WINDOWS, _MANY_WINDOWS = 6, 40  # beyond which more are no better evidence


def features(evidence):
    """What confidence is computed from, float64 `[5]`."""
    share = (evidence.agreeing + 1.0) / (evidence.windows + 2.0)
    return np.array(
        [
            np.log(share / (1.0 - share)),
            np.log(min(evidence.agreeing, _MANY_WINDOWS) + 1.0),
            np.sqrt(evidence.spread),
            np.log(np.clip(evidence.disagreement, 0.05, 5.0)),
            evidence.elsewhere,
        ]
    )


def probability(evidence):
    """The probability that the corners of B are less than 3 px wrong on average, 0 to 1."""
    if not evidence.agreeing:
        return 0.0
    return float(1.0 / (1.0 + np.exp(-(features(evidence) @ WEIGHTS + BIAS))))


def reason(evidence):
    """What is most likely wrong with the best homography that was found, where that is not good."""
    if evidence.overlap < 0.05:
        return "the images overlap too little"
    if evidence.windows < _FEW_WINDOWS:
        return "there is too little texture where the images overlap"
    if evidence.elsewhere > 0.25:
        return (
            "parts of the images fit, but not together: not one plane, too much parallax, or "
            "things that moved"
        )
    return "not the same scene, or too much of it changed"
