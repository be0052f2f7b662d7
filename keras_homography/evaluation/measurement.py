"""Run estimators over the pairs of a protocol, all on the same pairs, and time every pair."""

import dataclasses
import time
from collections.abc import Sequence

import keras
import numpy as np

from keras_homography.evaluation.conditions import Condition
from keras_homography.evaluation.evaluated_estimators import EvaluatedEstimator
from keras_homography.evaluation.protocol_pairs import ProtocolPairs
from keras_homography.evaluation.results import Result


@dataclasses.dataclass
class _Predictions:
    """What one estimator predicted so far, pair by pair."""

    h4pt: list[np.ndarray] = dataclasses.field(default_factory=list)
    confidence: list[np.ndarray] = dataclasses.field(default_factory=list)
    milliseconds: list[float] = dataclasses.field(default_factory=list)

    def add(self, estimator: EvaluatedEstimator, pair: np.ndarray) -> None:
        """Predict a pair alone, uint8 `[1, size, size, 2]`, and time it."""
        begin = time.perf_counter()
        if estimator.predict_with_confidence is None:
            h4pt = estimator.predict(pair)
        else:
            h4pt, confidence = estimator.predict_with_confidence(pair)
            self.confidence.append(confidence)
        self.milliseconds.append(1e3 * (time.perf_counter() - begin))
        self.h4pt.append(h4pt)


def _measure_condition(
    estimators: Sequence[EvaluatedEstimator], pairs: ProtocolPairs, condition: Condition
) -> list[Result]:
    progress = keras.utils.Progbar(pairs.count, unit_name="pair", stateful_metrics=["pairs/s"])
    true: list[np.ndarray] = []
    predictions = [_Predictions() for _ in estimators]
    done, begin = 0, time.monotonic()
    for patches, h4pt in pairs.batches(condition):
        true.append(h4pt)
        for estimator, of_estimator in zip(estimators, predictions, strict=True):
            if not done:
                estimator.predict(patches[:1])  # tracing and first allocations take no part
            for pair in patches:
                of_estimator.add(estimator, pair[None])
        done += len(patches)
        progress.add(len(patches), [("pairs/s", done / (time.monotonic() - begin))])
    images = pairs.image_numbers()
    return [
        Result(
            estimator,
            condition,
            np.concatenate(true),
            np.concatenate(of_estimator.h4pt),
            np.array(of_estimator.milliseconds),
            np.concatenate(of_estimator.confidence) if of_estimator.confidence else None,
            images,
        )
        for estimator, of_estimator in zip(estimators, predictions, strict=True)
    ]


def measure(
    estimators: Sequence[EvaluatedEstimator],
    pairs: ProtocolPairs,
    conditions: Sequence[Condition],
) -> list[Result]:
    """Run every estimator under every condition on the same pairs, with a progress bar.

    Args:
      estimators: of `evaluated_estimators.open_estimators`.
      pairs: of a protocol and a source.
      conditions: of `conditions.combine`.

    Returns:
      The results, condition by condition, each in the order of the estimators.
    """
    results = []
    for condition in conditions:
        print(f"\n{condition.label}: {len(estimators)} estimators")
        results += _measure_condition(estimators, pairs, condition)
    return results
