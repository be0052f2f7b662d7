"""The results of an evaluation: predictions under a condition, their errors, rows of metrics."""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keras_homography.evaluation import metrics
from keras_homography.evaluation.conditions import Condition
from keras_homography.evaluation.evaluated_estimators import EvaluatedEstimator
from keras_homography.evaluation.protocols import Protocol


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """The predictions of one estimator under one condition.

    Attributes:
      estimator: what predicted.
      condition: distortion and strength.
      h4pt_true: float32 `[n, 4, 2]`, pixels.
      h4pt: `[n, 4, 2]`, pixels, NaN for a pair without an answer.
      milliseconds: `[n]`, of each pair, predicted alone.
      confidence: `[n]`, 0 to 1; None for estimators without a confidence.
      images: int `[n]`, from which image each pair is; None if each has its own.
    """

    estimator: EvaluatedEstimator
    condition: Condition
    h4pt_true: np.ndarray
    h4pt: np.ndarray
    milliseconds: np.ndarray
    confidence: np.ndarray | None = None
    images: np.ndarray | None = None

    @property
    def errors(self) -> npt.NDArray[np.float64]:
        """Corner errors, `[n]`, pixels; the identity's for pairs without an answer."""
        return metrics.corner_errors(self.h4pt_true, metrics.or_identity(self.h4pt))

    @property
    def displacements(self) -> npt.NDArray[np.float64]:
        """Mean distance that the four corners moved, `[n]`, pixels: the identity's error."""
        return metrics.corner_errors(self.h4pt_true, np.zeros_like(self.h4pt_true))

    @property
    def ms_per_pair(self) -> float:
        """Median time of a pair predicted alone, in milliseconds."""
        return float(np.median(self.milliseconds))

    def as_row(self, protocol: Protocol) -> dict[str, Any]:
        """Return the entry of `rows` in `metrics.json`; the README explains its fields."""
        return {
            "estimator": self.estimator.name,
            "protocol": protocol.name,
            "distortion": self.condition.distortion,
            "strength": self.condition.strength,
            "pairs": len(self.h4pt),
            **metrics.summarize_predictions(self.h4pt_true, self.h4pt, self.images),
            "ms_per_pair": self.ms_per_pair,
            **metrics.summarize_times(self.milliseconds),
            "parameters": self.estimator.parameters,
            "file_bytes": self.estimator.file_bytes,
            "by_confidence": self._by_confidence(),
        }

    def _by_confidence(self) -> list[dict[str, float]] | None:
        if self.confidence is None:
            return None
        return [
            {
                "confidence": error_bin.mean,
                "pairs": error_bin.pairs,
                "median": error_bin.median,
                "p90": error_bin.p90,
            }
            for error_bin in bin_errors(self.confidence, self.errors)
        ]


class ErrorBin(NamedTuple):
    """Corner errors of the pairs in a range of a value.

    Attributes:
      mean: of the value.
      pairs: how many.
      median: of their errors, pixels.
      p90: 90th percentile of their errors, pixels.
    """

    mean: float
    pairs: int
    median: float
    p90: float


def bin_errors(values: np.ndarray, errors: np.ndarray, bins: int = 8) -> list[ErrorBin]:
    """Sort pairs by a value into bins of equally many, and summarize the errors in each.

    Args:
      values: `[n]`.
      errors: corner errors, `[n]`, pixels.
      bins: maximum number of bins.

    Returns:
      The bins, lowest values first.
    """
    order = np.argsort(values, kind="stable")
    return [
        ErrorBin(
            float(values[indices].mean()),
            len(indices),
            float(np.median(errors[indices])),
            float(np.percentile(errors[indices], 90)),
        )
        for indices in np.array_split(order, min(bins, len(order)))
    ]


def nearest_to_default(results: Sequence[Result]) -> dict[Condition, list[Result]]:
    """Select, of every distortion, the results at the strength nearest to 1, the default level.

    Args:
      results: under any conditions.

    Returns:
      `{condition: results}`, a condition for every distortion, in the order of the results.
    """
    nearest: dict[str, Condition] = {}
    for result in results:
        condition = result.condition
        best = nearest.setdefault(condition.distortion, condition)
        if abs(condition.strength - 1.0) < abs(best.strength - 1.0):
            nearest[condition.distortion] = condition
    return {
        condition: [result for result in results if result.condition == condition]
        for condition in nearest.values()
    }


def best_median_worst(errors: np.ndarray) -> np.ndarray:
    """Select the two best, the two middle and the two worst pairs.

    Args:
      errors: corner errors, `[n]`, pixels.

    Returns:
      `[6]` indices, by increasing error; with repetitions if there are fewer than six pairs.
    """
    last = len(errors) - 1
    positions = [0, 1, last // 2, last // 2 + 1, last - 1, last]
    return np.argsort(errors, kind="stable")[np.sort(np.clip(positions, 0, last))]
