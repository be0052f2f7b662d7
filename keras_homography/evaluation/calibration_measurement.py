"""Estimates of pairs whose homography is known: what the confidence is fitted to and checked on."""

import pathlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import keras
import numpy as np
import numpy.typing as npt

from keras_homography.data import labeled_pairs
from keras_homography.evaluation import (
    calibration_pairs,
    labeled_pair_measurement,
    trap_measurement,
)
from keras_homography.registration import confidence, estimator
from keras_homography.registration.evidence import Evidence
from keras_homography.registration.result import Estimate
from keras_homography.utils.errors import UserError

MAX_ERROR = 3.0  # pixels of B, of a right estimate of a rendered pair
MAX_LABELED_ERROR = 5.0  # of a real one, whose truth itself is worth up to about 3


class Measurements(NamedTuple):
    """Estimates of pairs.

    Attributes:
      kinds: of every pair.
      evidence: for the best homography of every pair.
      correct: bool `[n]`, whether that homography is right.
    """

    kinds: Sequence[str]
    evidence: Sequence[Evidence]
    correct: npt.NDArray[np.bool_]

    def probabilities(self, constants: confidence.Constants) -> npt.NDArray[np.float64]:
        """Compute the confidence of every estimate, `[n]`."""
        return np.array([confidence.probability(e, constants) for e in self.evidence])


def join(measurements: Iterable[Measurements]) -> Measurements:
    """Join sets of estimates."""
    sets = list(measurements)
    return Measurements(
        [kind for each in sets for kind in each.kinds],
        [evidence for each in sets for evidence in each.evidence],
        np.concatenate([each.correct for each in sets]),
    )


def measure(dataset: str, count: int, seed: int) -> Measurements:
    """Estimate rendered pairs of every kind with the shipped models, with a progress bar.

    An estimate is right if the mean error at the corners of what both images show is below 3 px of
    B, never where no homography is.

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
        kinds.append(pair.kind)
        evidence.append(result.evidence)
        errors.append(trap_measurement.overlap_error(_best_b_from_a(result), pair))
        progress.add(1)
    return Measurements(kinds, evidence, np.array(errors) < MAX_ERROR)


def measure_labeled(folder: str, part: str) -> Measurements:
    """Estimate a half of the real pairs in a folder with the shipped models, with a progress bar.

    An estimate is right if the true points are off by less than 5 px of B on average.

    Args:
      folder: as of `labeled_pairs.find_labeled_pairs`.
      part: "tune" or "report", see `labeled_pair_measurement.select`.

    Raises:
      UserError: there is no pair in the folder; a pair that cannot be read is left out and printed.
    """
    found, skipped = labeled_pairs.find_labeled_pairs(pathlib.Path(folder))
    selected = labeled_pair_measurement.select(found, part=part)
    always = estimator.HomographyEstimator(min_confidence=0.0)
    kinds, evidence, errors = [], [], []
    progress = keras.utils.Progbar(len(selected), unit_name="pair")
    for pair in selected:
        try:
            image_a, image_b, *points = labeled_pair_measurement.read(pair)
        except UserError as problem:
            skipped[pair.name] = str(problem)
            progress.add(1)
            continue
        result = always.estimate(image_a, image_b)
        kinds.append(pair.kind)
        evidence.append(result.evidence)
        errors.append(labeled_pair_measurement.transfer_error(_best_b_from_a(result), *points))
        progress.add(1)
    for name, reason in skipped.items():
        print(f"left out: {name}: {reason}")
    return Measurements(kinds, evidence, np.array(errors) < MAX_LABELED_ERROR)


def _best_b_from_a(result: Estimate) -> npt.NDArray[np.float64] | None:
    best = result.best_a_from_b
    return None if best is None else np.linalg.inv(best)
