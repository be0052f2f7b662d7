"""How likely a homography is right, and what is wrong where it is not."""

import cv2
import numpy as np

from keras_homography import verification

# Of `features`, fitted by logistic regression: `python -m keras_homography.calibrate`.
WEIGHTS = np.array([1.296, 0.195, 6.545, -2.743, -3.142])
BIAS = -1.219

_PART, _REACH = 24, 12  # pixels: of what is looked for by itself, and how far away
_FOUND = 0.8  # correlation from which a part is
_FEW = 6  # windows or parts, from which nothing can be said


def features(evidence):
    """What confidence is computed from, float64 `[5]`."""
    share = (evidence.agreeing + 1.0) / (evidence.windows + 2.0)
    return np.array(
        [
            np.log(share / (1.0 - share)),
            np.log(evidence.agreeing + 1.0),
            np.sqrt(evidence.spread),
            np.log(np.clip(evidence.disagreement, 0.05, 5.0)),
            evidence.overlap,
        ]
    )


def probability(evidence):
    """The probability that the corners of B are less than 3 px wrong on average, 0 to 1."""
    if not evidence.agreeing:
        return 0.0
    return float(1.0 / (1.0 + np.exp(-(features(evidence) @ WEIGHTS + BIAS))))


def reason(pair, a_from_b, evidence):
    """What is most likely wrong with the best homography that was found, where that is not good.

    Args: as `verification.examine` takes and gives.
    """
    if evidence.overlap < 0.05:
        return "the images overlap too little"
    if evidence.windows < _FEW:
        return "there is too little texture where the images overlap"
    if _share_found_elsewhere(pair, a_from_b) > 0.25:
        return (
            "parts of the images fit, but not together: not one plane, too much parallax, or "
            "things that moved"
        )
    return "not the same scene, or too much of it changed"


def _share_found_elsewhere(pair, a_from_b):
    """The share of textured parts of B that A has too, but more than 2 px from where the homography
    says, 0 to 1."""
    level, matrix = pair.at(a_from_b, verification.judging_level(pair.pyramid_b))
    b = level.grey_b
    height, width = b.shape
    a, covered = verification.warp(level.grey_a, np.linalg.inv(matrix), (width, height))
    parts = found = 0
    for top in range(_REACH, height - _PART - _REACH, _PART):
        for left in range(_REACH, width - _PART - _REACH, _PART):
            part = b[top : top + _PART, left : left + _PART]
            around = np.s_[
                top - _REACH : top + _PART + _REACH, left - _REACH : left + _PART + _REACH
            ]
            if part.std() < 10.0 or not covered[around].all():
                continue
            parts += 1
            correlation = cv2.matchTemplate(a[around], part, cv2.TM_CCOEFF_NORMED)
            _, best, _, (x, y) = cv2.minMaxLoc(correlation)
            found += best > _FOUND and max(abs(x - _REACH), abs(y - _REACH)) > 2
    return found / parts if parts >= _FEW else 0.0
