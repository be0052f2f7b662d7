"""Runs estimators over the pairs of a protocol and says how good they are."""

import dataclasses
import time

import keras
import numpy as np

from keras_homography.evaluation import metrics, predictors, protocols

# Pairs that time is taken on.
_TIMED = 32


@dataclasses.dataclass(frozen=True)
class Result:
    """One estimator under one condition.

    Attributes:
      predictor: `predictors.Predictor`.
      distortion: "none" or a name of `distortions.NAMES`.
      strength: of the distortion; 0 for "none".
      h4pt_true: float32 `[n, 4, 2]`, pixels.
      h4pt: `[n, 4, 2]`, pixels, NaN where nothing was returned.
      ms_per_pair: median time of a single pair, in milliseconds.
      confidence: of the predictor, `[n]` in 0..1; None if it does not say.
    """

    predictor: predictors.Predictor
    distortion: str
    strength: float
    h4pt_true: np.ndarray
    h4pt: np.ndarray
    ms_per_pair: float
    confidence: np.ndarray | None = None

    @property
    def errors(self):
        """Corner errors, `[n]`, pixels; the identity's where nothing was returned."""
        return metrics.corner_errors(self.h4pt_true, metrics.or_identity(self.h4pt))

    @property
    def displacements(self):
        """How far the corners moved, mean of the four, `[n]`, pixels: the identity's error."""
        return metrics.corner_errors(self.h4pt_true, np.zeros_like(self.h4pt_true))


def _milliseconds_per_pair(predictor, patches):
    """The median time of a pair given alone, after one call to warm up."""
    predictor.predict(patches[:1])
    seconds = []
    for pair in patches[:_TIMED]:
        begin = time.perf_counter()
        predictor.predict(pair[None])
        seconds.append(time.perf_counter() - begin)
    return 1000.0 * float(np.median(seconds))


def _run(predictor, patches):
    """`(h4pt, confidence)`, confidence None if the predictor does not say."""
    if predictor.predict_with_confidence is None:
        return predictor.predict(patches), None
    return predictor.predict_with_confidence(patches)


def measure(opened, protocol, source, conditions, pairs, seed=protocols.SEED):
    """Runs every estimator under every condition, all on the same pairs, with a progress bar.

    Args:
      opened: list of `predictors.Predictor`.
      protocol: of `protocols.get`.
      source: of `protocols.open_source`.
      conditions: `[(distortion, strength)]`, of `protocols.conditions`.
      pairs: how many.
      seed: of photos, pairs and distortions.

    Returns:
      A list of `Result`, condition by condition.
    """
    results = []
    for distortion, strength in conditions:
        print(f"\n{label(distortion, strength)}: {len(opened)} estimators")
        progress = keras.utils.Progbar(pairs, unit_name="pair", stateful_metrics=["pairs/s"])
        true = []
        predicted: dict[str, list] = {predictor.name: [] for predictor in opened}
        milliseconds = {}
        done, begin = 0, time.monotonic()
        for patches, h4pt in protocols.batches(protocol, source, pairs, distortion, strength, seed):
            true.append(h4pt)
            for predictor in opened:
                if not done:
                    milliseconds[predictor.name] = _milliseconds_per_pair(predictor, patches)
                predicted[predictor.name].append(_run(predictor, patches))
            done += len(patches)
            progress.add(len(patches), [("pairs/s", done / (time.monotonic() - begin))])
        for predictor in opened:
            h4pt, confidence = zip(*predicted[predictor.name], strict=True)
            results.append(
                Result(
                    predictor,
                    distortion,
                    strength,
                    np.concatenate(true),
                    np.concatenate(h4pt),
                    milliseconds[predictor.name],
                    None if confidence[0] is None else np.concatenate(confidence),
                )
            )
    return results


def binned(values, errors, bins=8):
    """Errors against something, in bins of equally many pairs, from its lowest values on.

    Args:
      values: `[n]`.
      errors: corner errors, `[n]`, pixels.
      bins: how many at most.

    Returns:
      `[(mean value, pairs, median error, 90th percentile of the error)]`.
    """
    order = np.argsort(values, kind="stable")
    return [
        (
            float(values[indices].mean()),
            len(indices),
            float(np.median(errors[indices])),
            float(np.percentile(errors[indices], 90)),
        )
        for indices in np.array_split(order, min(bins, len(order)))
    ]


def _by_confidence(result):
    if result.confidence is None:
        return None
    names = ("confidence", "pairs", "median", "p90")
    bins = binned(result.confidence, result.errors)
    return [dict(zip(names, bin_, strict=True)) for bin_ in bins]


def label(distortion, strength):
    """A condition in words."""
    return "clean" if distortion == protocols.NO_DISTORTION else f"{distortion} x{strength:g}"


def row(result, protocol):
    """The row of `metrics.json` for a result: see the README for its fields."""
    return {
        "estimator": result.predictor.name,
        "protocol": protocol.name,
        "distortion": result.distortion,
        "strength": result.strength,
        "pairs": len(result.h4pt),
        **metrics.summarize_predictions(result.h4pt_true, result.h4pt),
        "ms_per_pair": result.ms_per_pair,
        "parameters": result.predictor.parameters,
        "file_bytes": result.predictor.file_bytes,
        "by_confidence": _by_confidence(result),
    }


def near_default(results):
    """The results of every distortion at its strength nearest to the default level, by condition.

    Returns:
      `{(distortion, strength): [Result]}`.
    """
    nearest: dict[str, float] = {}
    for result in results:
        best = nearest.setdefault(result.distortion, result.strength)
        if abs(result.strength - 1.0) < abs(best - 1.0):
            nearest[result.distortion] = result.strength
    return {
        condition: [r for r in results if (r.distortion, r.strength) == condition]
        for condition in nearest.items()
    }


def best_median_worst(errors):
    """Which pairs to look at: `[6]` indices, the two best, the two in the middle, the two worst."""
    last = len(errors) - 1
    positions = [0, 1, last // 2, last // 2 + 1, last - 1, last]
    return np.argsort(errors, kind="stable")[np.sort(np.clip(positions, 0, last))]


def patches_of(indices, protocol, source, pairs, distortion, strength, seed=protocols.SEED):
    """Makes some of the pairs of `measure` again, to look at them.

    Args:
      indices: the numbers of the pairs.
      protocol, source, pairs, seed: as in `measure`.
      distortion, strength: the condition.

    Returns:
      `{index: patches}`, uint8 `[size, size, 2]`.
    """
    wanted, found, first = set(map(int, indices)), {}, 0
    for patches, _ in protocols.batches(protocol, source, pairs, distortion, strength, seed):
        for index in wanted.intersection(range(first, first + len(patches))):
            found[index] = patches[index - first]
        first += len(patches)
    return found
