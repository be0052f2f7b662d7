"""One pair at a time: networks in every form, and the estimator, against SIFT + RANSAC."""

import pathlib
import statistics
import tempfile
import time

import numpy as np

from keras_homography import models
from keras_homography.benchmarks import interleaved
from keras_homography.evaluation import predictors, protocols
from keras_homography.saving import verified_export
from keras_homography.utils import files

_PAIRS = 64
_REFERENCE = "sift_ransac"


def _milliseconds(ours, reference, pairs, seconds):
    """Medians over pairs, each given to the one and the other in turns, for some time."""
    times: list[list[float]] = []
    for predict in (ours, reference):
        predict(pairs[:1])
    end = time.perf_counter() + seconds
    while not times or time.perf_counter() < end:
        i, row = len(times) % len(pairs), []
        for predict in (ours, reference):
            begin = time.perf_counter()
            predict(pairs[i : i + 1])
            row.append(1000.0 * (time.perf_counter() - begin))
        times.append(row)
    return [statistics.median(column) for column in zip(*times, strict=True)]


def _homographynet(folder, protocol, threads):
    """HomographyNet with new weights, which cost as much as learned ones."""
    model = models.build("homographynet")
    pairs = np.zeros([1, 128, 128, 2], np.float32)
    verified_export.export(model, folder, pairs, ["model.keras", "model.tflite"])
    for suffix in ("keras", "tflite"):
        path = str(pathlib.Path(folder) / f"model.{suffix}")
        (opened,) = predictors.open_all([path], protocol, threads=threads)
        yield f"homographynet.{suffix}", opened


def measure(dataset, threads, seconds):
    """Measures every case.

    Args:
      dataset: a folder of photos, or "synthetic".
      threads: that each side uses.
      seconds: of each case, at least one pair.

    Yields:
      Of `turns.result`, milliseconds a pair, medians, under each of three conditions.
    """
    protocol = protocols.get("coco128")
    source = protocols.open_source(protocol, dataset)
    (sift,) = predictors.open_all([_REFERENCE], protocol)
    shipped = sorted(
        path.name
        for path in files.packaged_file("saved_models", "homography.keras").parent.iterdir()
        if path.suffix in (".keras", ".tflite")
    )
    with tempfile.TemporaryDirectory() as folder:
        opened = {
            name: predictors.open_all(
                [str(files.packaged_file("saved_models", name))], protocol, threads=threads
            )[0]
            for name in shipped
        }
        opened["estimator"] = predictors.open_all(["estimator"], protocol, threads=threads)[0]
        opened |= dict(_homographynet(folder, protocol, threads))
        for distortion in ("none", "photometric", "occlusion"):
            batches = protocols.batches(protocol, source, _PAIRS, distortion)
            pairs = np.concatenate([patches for patches, _ in batches])
            for name, predictor in opened.items():
                ours, reference = _milliseconds(predictor.predict, sift.predict, pairs, seconds)
                case = name if distortion == "none" else f"{name}, {distortion}"
                yield interleaved.result(case, ours, "ms", _REFERENCE, reference, threads)
