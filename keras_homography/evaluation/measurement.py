"""Run estimators over the pairs of a protocol, all on the same pairs, and time them."""

import time
from collections.abc import Sequence

import keras
import numpy as np

from keras_homography.evaluation.conditions import Condition
from keras_homography.evaluation.evaluated_estimators import EvaluatedEstimator
from keras_homography.evaluation.protocol_pairs import ProtocolPairs
from keras_homography.evaluation.results import Result

_TIMED_PAIRS = 32


def _milliseconds_per_pair(estimator: EvaluatedEstimator, patches: np.ndarray) -> float:
    """Median time of a pair predicted alone, after one call to warm up."""
    estimator.predict(patches[:1])
    seconds = []
    for pair in patches[:_TIMED_PAIRS]:
        begin = time.perf_counter()
        estimator.predict(pair[None])
        seconds.append(time.perf_counter() - begin)
    return 1000.0 * float(np.median(seconds))


def _predict(
    estimator: EvaluatedEstimator, patches: np.ndarray
) -> tuple[np.ndarray, np.ndarray | None]:
    """`(h4pt, confidence)`, confidence None for an estimator without one."""
    if estimator.predict_with_confidence is None:
        return estimator.predict(patches), None
    return estimator.predict_with_confidence(patches)


def _measure_condition(
    estimators: Sequence[EvaluatedEstimator], pairs: ProtocolPairs, condition: Condition
) -> list[Result]:
    progress = keras.utils.Progbar(pairs.count, unit_name="pair", stateful_metrics=["pairs/s"])
    true: list[np.ndarray] = []
    predicted: list[list[tuple[np.ndarray, np.ndarray | None]]] = [[] for _ in estimators]
    milliseconds: list[float] = []
    done, begin = 0, time.monotonic()
    for patches, h4pt in pairs.batches(condition):
        true.append(h4pt)
        for estimator, of_estimator in zip(estimators, predicted, strict=True):
            if not done:
                milliseconds.append(_milliseconds_per_pair(estimator, patches))
            of_estimator.append(_predict(estimator, patches))
        done += len(patches)
        progress.add(len(patches), [("pairs/s", done / (time.monotonic() - begin))])
    results = []
    for estimator, of_estimator, ms in zip(estimators, predicted, milliseconds, strict=True):
        confidence = [c for _, c in of_estimator if c is not None]
        results.append(
            Result(
                estimator,
                condition,
                np.concatenate(true),
                np.concatenate([h4pt for h4pt, _ in of_estimator]),
                ms,
                np.concatenate(confidence) if confidence else None,
            )
        )
    return results


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
