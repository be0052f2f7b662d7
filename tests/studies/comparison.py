"""Trained networks side by side: how exact, with refinement and without, how large and how fast.

    python tests/studies/comparison.py path/to/coco_val2017 PAIRS runs/homographynet [RUN ...]

Each RUN is the folder of a run of `train`. Prints a Markdown table; a classification network is
also measured with its best bins instead of the expectation over them. Not part of the suite: it
needs photos and some minutes.
"""

import json
import os
import pathlib
import sys
import tempfile

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from keras_homography import models
from keras_homography.evaluation import (
    conditions,
    evaluated_estimators,
    measurement,
    protocol_pairs,
    protocols,
)
from keras_homography.models import homographynet_classifier
from keras_homography.saving import loading

PROTOCOL = protocols.get_protocol("coco128")


def with_best_bins(model):
    """The classification network with the paper's answer, the center of the likeliest bin."""
    _, probabilities = model.outputs
    rho = float(model.get_layer("expectation").kernel[-1, 0])  # the center of the last bin
    best = keras.ops.cast(keras.ops.argmax(probabilities, axis=-1), "float32")
    h4pt = best * (2.0 * rho / (homographynet_classifier.BINS - 1)) - rho
    return keras.Model(model.input, [h4pt, probabilities], name=model.name)


def variants(run, folder):
    """The files of a run's model, refined or not, by what they are."""
    model = loading.load_model(run / "model.keras")
    name = json.loads((run / "metrics.json").read_text())["model"]
    files = {name: run / "model.keras"}
    found = {f"{name}, refined": models.refine(model)}
    if name == "homographynet_classifier":
        best = with_best_bins(model)
        found |= {f"{name}, best bins": best, f"{name}, best bins, refined": models.refine(best)}
    for what, variant in found.items():
        files[what] = folder / f"{what}.keras"
        variant.save(files[what])
    return files


def main(photos, pairs, *runs):
    source = protocol_pairs.open_source(PROTOCOL, photos)
    measured = protocol_pairs.ProtocolPairs(PROTOCOL, source, int(pairs))
    print("\n| | MACE | median | under 1 px | under 3 px | parameters | TFLite, ms |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for run in map(pathlib.Path, runs):
        with tempfile.TemporaryDirectory() as folder:
            files = variants(run, pathlib.Path(folder))
            names = [str(path) for path in files.values()]
            opened = evaluated_estimators.open_estimators(names, PROTOCOL)
            opened.append(
                evaluated_estimators.from_tflite_file(
                    "", run / "model.tflite", PROTOCOL, trust=True
                )
            )
            *results, in_tflite = measurement.measure(opened, measured, [conditions.CLEAN])
        for what, result in zip(files, results, strict=True):
            row = result.as_row(PROTOCOL)
            figures = f"{row['mace']:.2f} | {row['median']:.2f} | {row['under_1px']:.1%}"
            parameters = f"{row['parameters']:,}"
            ms = f"{in_tflite.ms_per_pair:.1f}" if what == next(iter(files)) else ""
            print(
                f"| {what} | {figures} | {row['under_3px']:.1%} | {parameters} | {ms} |", flush=True
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
