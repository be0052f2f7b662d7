"""Fit and check the confidence of `HomographyEstimator` on pairs whose homography is known.

An estimate is right if the mean error at the corners of what both images show is below 3 px, in
pixels of B.
"""

import importlib.util
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from keras_homography.evaluation import calibration_pairs, trap_measurement, traps
from keras_homography.evaluation.config import CalibrateConfig
from keras_homography.registration import confidence, estimator
from keras_homography.registration.evidence import Evidence
from keras_homography.utils.errors import UserError
from keras_homography.visualization import image_output, reliability_diagram

MAX_ERROR = 3.0  # pixels of B
_MIN_CONFIDENCE = 0.5  # of the estimator, by default
_FIT_SEED, _VALIDATION_SEED = 1, 2


class Measurements(NamedTuple):
    """Estimates of pairs.

    Attributes:
      kinds: of every pair.
      evidence: for the best homography of every pair.
      errors: `[n]`, pixels of B; infinite where no homography is right.
    """

    kinds: Sequence[str]
    evidence: Sequence[Evidence]
    errors: npt.NDArray[np.float64]


def measure(dataset: str, count: int, seed: int) -> Measurements:
    """Estimate pairs of every kind with the shipped models, with a progress bar.

    Args:
      dataset: of `sources.open_source`.
      count: see `calibration_pairs.make_pairs`.
      seed: of the pairs.
    """
    always = estimator.HomographyEstimator(min_confidence=0.0)
    kinds, evidence, errors = [], [], []
    progress = keras.utils.Progbar(calibration_pairs.count_pairs(count), unit_name="pair")
    for pair in calibration_pairs.make_pairs(dataset, count, seed):
        result = always.estimate(pair.image_a, pair.image_b)
        best = result.best_a_from_b
        b_from_a = None if best is None else np.linalg.inv(best)
        kinds.append(pair.kind)
        evidence.append(result.evidence)
        errors.append(trap_measurement.overlap_error(b_from_a, pair))
        progress.add(1)
    return Measurements(kinds, evidence, np.array(errors))


def _check_scikit_learn() -> None:
    if not importlib.util.find_spec("sklearn"):
        raise UserError(
            "Calibration needs scikit-learn: pip install 'keras-homography[calibrate]'."
        )


def fit(
    evidence: Sequence[Evidence],
    errors: npt.NDArray[np.float64],
    prior: float = 3e-3,
) -> tuple[npt.NDArray[np.float64], float]:
    """Fit the weights of `registration.confidence` by logistic regression.

    Args:
      evidence: of `measure`; that in which nothing agrees is left out.
      errors: of `measure`, `[n]`, pixels.
      prior: a pair's share of the penalty on the squared weights of standardized features.

    Returns:
      `(weights, bias)`: float64 `[8]`, of `confidence.features`, and a number.

    Raises:
      UserError: scikit-learn is not installed.
    """
    _check_scikit_learn()
    from sklearn import linear_model, preprocessing

    judged = [index for index, e in enumerate(evidence) if np.isfinite(confidence.log_odds(e))]
    features = np.array([confidence.features(evidence[index]) for index in judged])
    scaler = preprocessing.StandardScaler().fit(features)
    regression = linear_model.LogisticRegression(
        C=1.0 / (prior * len(judged)), tol=1e-8, max_iter=10_000
    )
    regression.fit(scaler.transform(features), errors[judged] < MAX_ERROR)
    weights = regression.coef_[0] / scaler.scale_
    return weights, float(regression.intercept_[0] - weights @ scaler.mean_)


def reliability(
    probabilities: npt.NDArray[np.float64], correct: npt.NDArray[np.bool_], bins: int = 10
) -> list[tuple[int, float, float]]:
    """Compute how often estimates of about one confidence are correct.

    Args:
      probabilities: `[n]`, the confidences.
      correct: `[n]`.
      bins: number of equal intervals of the confidence.

    Returns:
      `(count, mean confidence, share that is correct)` of every bin that is not empty.

    Raises:
      UserError: scikit-learn is not installed.
    """
    _check_scikit_learn()
    from sklearn import calibration

    shares, confidences = calibration.calibration_curve(correct, probabilities, n_bins=bins)
    edges = np.linspace(0.0, 1.0, bins + 1)[1:-1]  # as scikit-learn's, which returns no counts
    counts = np.bincount(np.searchsorted(edges, probabilities))
    return [
        (int(count), float(mean), float(share))
        for count, mean, share in zip(counts[counts > 0], confidences, shares, strict=True)
    ]


def run(config: CalibrateConfig) -> dict[str, Any]:
    """Fit the confidence on one dataset, check the constants in place on another, and print both.

    Args:
      config: see there.

    Returns:
      `weights` and `bias` of the fit, None without one; `brier` score, `refused` and `wrong`
      shares by kind of pairs, `unseen` as `wrong` of traps after a fit without them, and `bins` of
      the reliability diagram, for the constants in place.

    Raises:
      UserError: a dataset or folder cannot be used, or scikit-learn is not installed.
    """
    _check_scikit_learn()
    weights, bias = None, None
    if config.dataset is not None:
        _, evidence, errors = measure(config.dataset, config.pairs, _FIT_SEED)
        weights, bias = fit(evidence, errors)
        print(f"WEIGHTS = np.array({np.round(weights, 3).tolist()})\nBIAS = {bias:.3f}")

    measurements = measure(config.validation_dataset, config.pairs, _VALIDATION_SEED)
    kinds, evidence, errors = measurements
    probabilities = np.array([confidence.probability(e) for e in evidence])
    correct, answered = errors < MAX_ERROR, probabilities >= _MIN_CONFIDENCE
    brier = float(np.mean((probabilities - correct) ** 2))
    print(f"Brier score {brier:.4f} on {len(errors)} pairs")
    unseen = _leave_out_traps(measurements)
    print("| pairs | refused | answered and over 3 px | the same if not fitted to them |")
    print("|---|---:|---:|---:|")
    refused, wrong = {}, {}
    for kind in dict.fromkeys(kinds):
        of_kind = np.array([k == kind for k in kinds])
        refused[kind] = float(np.mean(~answered[of_kind]))
        wrong[kind] = float(np.mean(answered[of_kind] & ~correct[of_kind]))
        left_out = f"{unseen[kind]:.1%}" if kind in unseen else ""
        print(f"| {kind} | {refused[kind]:.1%} | {wrong[kind]:.1%} | {left_out} |")
    bins = reliability(probabilities, correct)
    path = pathlib.Path(config.output_dir) / "reliability.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    image_output.write_png(path, reliability_diagram.draw(bins))
    print(path)
    return {
        "weights": weights,
        "bias": bias,
        "brier": brier,
        "refused": refused,
        "wrong": wrong,
        "unseen": unseen,
        "bins": bins,
    }


def _leave_out_traps(measured: Measurements) -> dict[str, float]:
    """Share of each kind of trap that is answered and wrong after a fit to all other pairs."""
    kinds = np.array(measured.kinds)
    shares = {}
    for kind in traps.KINDS:
        others = np.flatnonzero(kinds != kind).tolist()
        of_kind = np.flatnonzero(kinds == kind).tolist()
        if not of_kind:
            continue
        weights, bias = fit([measured.evidence[i] for i in others], measured.errors[others])
        wrong = [
            confidence.probability(measured.evidence[i], weights, bias) >= _MIN_CONFIDENCE
            and not measured.errors[i] < MAX_ERROR
            for i in of_kind
        ]
        shares[kind] = float(np.mean(wrong))
    return shares
