"""Benchmark of one pair at a time: networks in every format, and the estimator, against SIFT."""

import pathlib
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_homography import models
from keras_homography.benchmarks import interleaved_timing
from keras_homography.evaluation import conditions, evaluated_estimators, protocols
from keras_homography.evaluation.evaluated_estimators import EvaluatedEstimator
from keras_homography.evaluation.protocol_pairs import ProtocolPairs, open_source
from keras_homography.saving import pretrained, verified_export

_PAIRS = 64
_REFERENCE = "sift_ransac"
_CONDITIONS = (
    conditions.CLEAN,
    conditions.Condition("photometric", 1.0),
    conditions.Condition("occlusion", 1.0),
)
_SUFFIXES = (".keras", ".tflite")
_MATCHER = "matcher"  # is shipped too, but takes one image


def _milliseconds(
    ours: EvaluatedEstimator, reference: EvaluatedEstimator, patches: np.ndarray, seconds: float
) -> tuple[float, float]:
    """Medians over pairs, each given to the one and the other in turns, for some time."""
    both = (ours, reference)
    for estimator in both:
        estimator.predict(patches[:1])
    times: list[list[float]] = []
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        pair, row = patches[len(times) % len(patches)], []
        for estimator in both:
            begin = time.perf_counter()
            estimator.predict(pair[None])
            row.append(1000.0 * (time.perf_counter() - begin))
        times.append(row)
    our_times, reference_times = zip(*times, strict=True)
    return statistics.median(our_times), statistics.median(reference_times)


def _export_full_homographynet(folder: str) -> dict[str, pathlib.Path]:
    """Write HomographyNet at full width with new weights, which cost as much as learned ones.

    Returns:
      `{case: path}`.
    """
    pairs = np.zeros([1, 128, 128, 2], np.float32)
    formats = [suffix.removeprefix(".") for suffix in _SUFFIXES]
    verified_export.export(models.build("homographynet"), folder, pairs, formats)
    return {
        f"homographynet_full_width{suffix}": pathlib.Path(folder, f"model{suffix}")
        for suffix in _SUFFIXES
    }


def _shipped_files() -> dict[str, pathlib.Path]:
    """Find the shipped `.keras` and `.tflite` files of models of pairs, `{name: path}`."""
    paths = [
        pretrained.resolve_model(name, (suffix,))
        for suffix in _SUFFIXES
        for name in pretrained.shipped_models((suffix,))
        if name != _MATCHER
    ]
    return {path.name: path for path in sorted(paths)}


def compare(
    estimators: Mapping[str, EvaluatedEstimator],
    pairs: ProtocolPairs,
    measured_conditions: Sequence[conditions.Condition],
    num_threads: int,
    seconds: float,
) -> Iterator[dict[str, Any]]:
    """Time estimators against SIFT + RANSAC.

    Args:
      estimators: `{case: estimator}`.
      pairs: that are predicted, one at a time.
      measured_conditions: under which.
      num_threads: that each side uses.
      seconds: of each case, at least one pair.

    Yields:
      Rows of `interleaved_timing.result`, milliseconds a pair, medians.
    """
    (sift,) = evaluated_estimators.open_estimators([_REFERENCE], pairs.protocol)
    for condition in measured_conditions:
        patches, _ = pairs.collect(condition)
        for name, estimator in estimators.items():
            ours, reference = _milliseconds(estimator, sift, patches, seconds)
            case = name if condition == conditions.CLEAN else f"{name}, {condition.distortion}"
            yield interleaved_timing.result(case, ours, "ms", _REFERENCE, reference, num_threads)


def measure(dataset: str, num_threads: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Measure every case: the shipped files, `HomographyEstimator`, and the paper's HomographyNet.

    Args:
      dataset: a folder of images, or "synthetic".
      num_threads: that each side uses.
      seconds: of each case, at least one pair.

    Yields:
      Rows of `interleaved_timing.result`, milliseconds a pair, medians, under three conditions.
    """
    protocol = protocols.get_protocol("coco128")
    with tempfile.TemporaryDirectory() as folder:
        names = {name: str(path) for name, path in _shipped_files().items()}
        names["estimator"] = evaluated_estimators.HOMOGRAPHY_ESTIMATOR
        names |= {name: str(path) for name, path in _export_full_homographynet(folder).items()}
        opened = evaluated_estimators.open_estimators(list(names.values()), protocol, num_threads)
        pairs = ProtocolPairs(protocol, open_source(protocol, dataset), _PAIRS)
        estimators = dict(zip(names, opened, strict=True))
        yield from compare(estimators, pairs, _CONDITIONS, num_threads, seconds)
