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
    prior: float = 1e-3,
) -> confidence.Constants:
    """Fit both regressions of `registration.confidence`, the second to what has fine matches.

    Args:
      evidence: of `measure`; that in which nothing agrees is left out, and that of several
        homographies: none of them is likelier than its share, however much agrees with it.
      errors: of `measure`, `[n]`, pixels.
      prior: a pair's share of the penalty on the squared weights of standardized features.

    Returns:
      The constants; the second regression as it stands where no pair has fine matches.

    Raises:
      UserError: scikit-learn is not installed.
    """
    _check_scikit_learn()
    correct = errors < MAX_ERROR
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
    """Fit the confidence on two sets of images, check it across them, and print both.

    The constants are fitted to the pairs of both; what is reported of a pair is what a fit to the
    other set says. Without `config.dataset`, the constants in place are checked.

    Args:
      config: see there.

    Returns:
      `constants` of the fit, None without one; `brier` score, `refused` and `wrong` shares by kind
      of pairs, `unseen` as `wrong` of traps after a fit without them, and `bins` of the reliability
      diagram.

    Raises:
      UserError: a dataset or folder cannot be used, or scikit-learn is not installed.
    """
    _check_scikit_learn()
    constants = None
    measured = measure(config.validation_dataset, config.pairs, _VALIDATION_SEED)
    probabilities = _probabilities(measured, confidence.CONSTANTS)
    if config.dataset is not None:
        first, second = measure(config.dataset, config.pairs, _FIT_SEED), measured
        measured = _join(first, second)
        constants = fit(measured.evidence, measured.errors)
        for name, value in constants._asdict().items():
            rounded = np.round(value, 3).tolist()
            print(f"{name.upper()} = {rounded if np.isscalar(value) else f'np.array({rounded})'}")
        probabilities = np.concatenate(
            [
                _probabilities(first, fit(second.evidence, second.errors)),
                _probabilities(second, fit(first.evidence, first.errors)),
            ]
        )
    correct = measured.errors < MAX_ERROR
    brier = float(np.mean((probabilities - correct) ** 2))
    print(f"Brier score {brier:.4f} on {len(correct)} pairs")
    unseen = _leave_out_traps(measured)
    shares = _tabulate(measured.kinds, probabilities >= _MIN_CONFIDENCE, correct, unseen)
    bins = reliability(probabilities, correct)
    path = pathlib.Path(config.output_dir) / "reliability.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    image_output.write_png(path, reliability_diagram.draw(bins))
    print(path)
    return {"constants": constants, "brier": brier, **shares, "unseen": unseen, "bins": bins}


def _join(first: Measurements, second: Measurements) -> Measurements:
    return Measurements(
        [*first.kinds, *second.kinds],
        [*first.evidence, *second.evidence],
        np.concatenate([first.errors, second.errors]),
    )


def _probabilities(
    measured: Measurements, constants: confidence.Constants
) -> npt.NDArray[np.float64]:
    return np.array([confidence.probability(e, constants) for e in measured.evidence])


def _tabulate(
    kinds: Sequence[str],
    answered: npt.NDArray[np.bool_],
    correct: npt.NDArray[np.bool_],
    unseen: dict[str, float],
) -> dict[str, dict[str, float]]:
    """Print and return the shares of each kind that are `refused`, and answered but `wrong`."""
    print("| pairs | n | refused | answered and over 3 px | the same if not fitted to them |")
    print("|---|---:|---:|---:|---:|")
    refused, wrong = {}, {}
    for kind in dict.fromkeys(kinds):
        of_kind = np.array([k == kind for k in kinds])
        refused[kind] = float(np.mean(~answered[of_kind]))
        wrong[kind] = float(np.mean(answered[of_kind] & ~correct[of_kind]))
        left_out = f"{unseen[kind]:.1%}" if kind in unseen else ""
        counts = f"{of_kind.sum()} | {refused[kind]:.1%} | {wrong[kind]:.1%}"
        print(f"| {kind} | {counts} | {left_out} |")
    return {"refused": refused, "wrong": wrong}


def _leave_out_traps(measured: Measurements) -> dict[str, float]:
    """Share of each kind of trap that is answered and wrong after a fit to all other pairs."""
    kinds = np.array(measured.kinds)
    shares = {}
    for kind in traps.KINDS:
        others = np.flatnonzero(kinds != kind).tolist()
        of_kind = np.flatnonzero(kinds == kind).tolist()
        if not of_kind:
            continue
        constants = fit([measured.evidence[i] for i in others], measured.errors[others])
        wrong = [
            confidence.probability(measured.evidence[i], constants) >= _MIN_CONFIDENCE
            and not measured.errors[i] < MAX_ERROR
            for i in of_kind
        ]
        shares[kind] = float(np.mean(wrong))
    return shares
