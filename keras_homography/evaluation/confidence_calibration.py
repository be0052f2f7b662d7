"""Calibrate the confidence of `HomographyEstimator`: fit it, check it, print and draw both."""

import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_homography.evaluation import calibration_measurement, confidence_fit, traps
from keras_homography.evaluation.calibration_measurement import Measurements
from keras_homography.evaluation.config import CalibrateConfig
from keras_homography.evaluation.labeled_pair_measurement import PARTS
from keras_homography.registration import confidence
from keras_homography.visualization import image_output, reliability_diagram

_MIN_CONFIDENCE = 0.5  # of the estimator, by default
_SEEDS = 1, 2  # of the pairs rendered from the two sets of images


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
    confidence_fit.check_scikit_learn()
    from sklearn import calibration

    shares, confidences = calibration.calibration_curve(correct, probabilities, n_bins=bins)
    edges = np.linspace(0.0, 1.0, bins + 1)[1:-1]  # as scikit-learn's, which returns no counts
    counts = np.bincount(np.searchsorted(edges, probabilities))
    return [
        (int(count), float(mean), float(share))
        for count, mean, share in zip(counts[counts > 0], confidences, shares, strict=True)
    ]


def run(config: CalibrateConfig) -> dict[str, Any]:
    """Fit the confidence on all sets of pairs, check it across them, and print both.

    The constants are fitted to all sets: those rendered from two sets of images and, if they are
    given, two halves of real pairs. What is reported of a set is what a fit to the others says.
    Without `config.dataset`, the constants in place are checked.

    Args:
      config: see there.

    Returns:
      `constants` of the fit, None without one; `brier` score of rendered pairs and `brier_labeled`
      of real ones, None without them; `refused` and `wrong` shares by kind of pairs, `unseen` as
      `wrong` of traps after a fit without them, and `bins` of the reliability diagram.

    Raises:
      UserError: a dataset or folder cannot be used, or scikit-learn is not installed.
    """
    confidence_fit.check_scikit_learn()
    rendered = [calibration_measurement.measure(config.validation_dataset, config.pairs, _SEEDS[1])]
    if config.dataset is not None:
        first = calibration_measurement.measure(config.dataset, config.pairs, _SEEDS[0])
        rendered.insert(0, first)
    labeled = []
    if config.labeled_pairs is not None:
        labeled = [
            calibration_measurement.measure_labeled(config.labeled_pairs, half) for half in PARTS
        ]
    sets = [*rendered, *labeled]

    constants = None
    if config.dataset is None:
        probabilities = [each.probabilities(confidence.CONSTANTS) for each in sets]
    else:
        constants = _fit(sets)
        _print_constants(constants)
        probabilities = [
            each.probabilities(_fit([other for other in sets if other is not each]))
            for each in sets
        ]

    correct = [each.correct for each in sets]
    briers = [
        _brier(np.concatenate(probabilities[part]), np.concatenate(correct[part]))
        if sets[part]
        else None
        for part in (slice(len(rendered)), slice(len(rendered), None))
    ]
    print(
        f"Brier score {briers[0]:.4f} on {sum(map(len, correct[: len(rendered)]))} rendered pairs"
    )
    if labeled:
        print(f"{briers[1]:.4f} on {sum(map(len, correct[len(rendered) :]))} real pairs")
    measured = calibration_measurement.join(sets)
    unseen = _leave_out_traps(measured)
    answered = np.concatenate(probabilities) >= _MIN_CONFIDENCE
    shares = _tabulate(measured.kinds, answered, measured.correct, unseen)
    bins = reliability(
        np.concatenate(probabilities[: len(rendered)]), np.concatenate(correct[: len(rendered)])
    )
    path = pathlib.Path(config.output_dir) / "reliability.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    image_output.write_png(path, reliability_diagram.draw(bins))
    print(path)
    return {
        "constants": constants,
        "brier": briers[0],
        "brier_labeled": briers[1],
        **shares,
        "unseen": unseen,
        "bins": bins,
    }


def _fit(sets: list[Measurements]) -> confidence.Constants:
    joined = calibration_measurement.join(sets)
    return confidence_fit.fit(joined.evidence, joined.correct)


def _print_constants(constants: confidence.Constants) -> None:
    for name, value in constants._asdict().items():
        rounded = np.round(value, 3).tolist()
        print(f"{name.upper()} = {rounded if np.isscalar(value) else f'np.array({rounded})'}")


def _brier(probabilities: npt.NDArray[np.float64], correct: npt.NDArray[np.bool_]) -> float:
    return float(np.mean((probabilities - correct) ** 2))


def _tabulate(
    kinds: Sequence[str],
    answered: npt.NDArray[np.bool_],
    correct: npt.NDArray[np.bool_],
    unseen: dict[str, float],
) -> dict[str, dict[str, float]]:
    """Print and return the shares of each kind that are `refused`, and answered but `wrong`."""
    print("| pairs | n | best is right | refused | answered and wrong | the same, not fitted to |")
    print("|---|---:|---:|---:|---:|---:|")
    refused, wrong = {}, {}
    for kind in dict.fromkeys(kinds):
        of_kind = np.array([k == kind for k in kinds])
        refused[kind] = float(np.mean(~answered[of_kind]))
        wrong[kind] = float(np.mean(answered[of_kind] & ~correct[of_kind]))
        shares = [correct[of_kind].mean(), refused[kind], wrong[kind]]
        shares += [unseen[kind]] if kind in unseen else []
        cells = [f"{share:.0%}" for share in shares] + [""] * (4 - len(shares))
        print(f"| {kind} | {of_kind.sum()} | {' | '.join(cells)} |")
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
        constants = confidence_fit.fit(
            [measured.evidence[i] for i in others], measured.correct[others]
        )
        wrong = [
            confidence.probability(measured.evidence[i], constants) >= _MIN_CONFIDENCE
            and not measured.correct[i]
            for i in of_kind
        ]
        shares[kind] = float(np.mean(wrong))
    return shares
