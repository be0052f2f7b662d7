"""Fit the confidence of `HomographyEstimator`: two logistic regressions, by scikit-learn."""

import importlib.util
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from keras_homography.registration import confidence
from keras_homography.registration.evidence import Evidence
from keras_homography.utils.errors import UserError


def check_scikit_learn() -> None:
    """Raise a `UserError` unless scikit-learn is installed."""
    if not importlib.util.find_spec("sklearn"):
        raise UserError(
            "Calibration needs scikit-learn: pip install 'keras-homography[calibrate]'."
        )


def fit(
    evidence: Sequence[Evidence],
    correct: npt.NDArray[np.bool_],
    prior: float = 1e-3,
) -> confidence.Constants:
    """Fit both regressions of `registration.confidence`, the second to what has fine matches.

    Args:
      evidence: for a homography of every pair; that in which nothing agrees is left out, and that
        of several homographies: none is likelier than its share, however much agrees with it.
      correct: `[n]`, whether each homography is right.
      prior: a pair's share of the penalty on the squared weights of standardized features.

    Returns:
      The constants; the second regression as it stands where no pair has fine matches.

    Raises:
      UserError: scikit-learn is not installed.
    """
    check_scikit_learn()
    judged = [
        index
        for index, e in enumerate(evidence)
        if np.isfinite(confidence.log_odds(e)) and not e.alternatives
    ]
    inputs = [confidence.features(evidence[index]) for index in judged]
    weights, bias = _regress(np.array(inputs), correct[judged], prior, confidence.SIGNS)
    constants = confidence.CONSTANTS._replace(weights=weights, bias=bias)
    fine = [index for index in judged if evidence[index].fine_matches is not None]
    if not fine:
        return constants
    inputs = [confidence.fine_features(evidence[index], constants) for index in fine]
    fine_weights, fine_bias = _regress(
        np.array(inputs), correct[fine], prior, confidence.FINE_SIGNS
    )
    return constants._replace(fine_weights=fine_weights, fine_bias=fine_bias)


def _regress(
    inputs: npt.NDArray[np.float64],
    correct: npt.NDArray[np.bool_],
    prior: float,
    signs: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], float]:
    """Fit a logistic regression: `(weights, bias)`.

    An input whose weight has the wrong sign is left out, with a weight of 0: better evidence must
    not make an estimate less likely to be right.
    """
    from sklearn import linear_model, preprocessing

    used = np.ones(len(signs), bool)
    while used.any():
        scaler = preprocessing.StandardScaler().fit(inputs[:, used])
        regression = linear_model.LogisticRegression(
            C=1.0 / (prior * len(inputs)), tol=1e-8, max_iter=10_000
        )
        regression.fit(scaler.transform(inputs[:, used]), correct)
        weights = np.zeros(len(signs))
        weights[used] = regression.coef_[0] / scaler.scale_
        if (weights * signs >= 0.0).all():
            return weights, float(regression.intercept_[0] - weights[used] @ scaler.mean_)
        used &= weights * signs >= 0.0
    share = (correct.sum() + 1.0) / (len(correct) + 2.0)
    return np.zeros(len(signs)), float(np.log(share / (1.0 - share)))
