"""Trained networks side by side: how exact, with refinement and without, how large and how fast.

    python tests/comparison.py path/to/coco_val2017 PAIRS runs/compare_homographynet [RUN ...]

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

from keras_homography import models
from keras_homography.evaluation import measurement, predictors, protocols
from keras_homography.saving import loading

PROTOCOL = protocols.get("coco128")


def variants(run, folder):
    """The files of a run's model, refined or not, by what they are."""
    model = loading.load_model(run / "model.keras")
    name = json.loads((run / "metrics.json").read_text())["model"]
    files = {name: run / "model.keras"}
    found = {f"{name}, refined": models.refine(model)}
    if name == "homographynet_classifier":
        best = models.build(name, dropout=0.0, decoding="best")
        models.copy_weights(best, model)
        found |= {f"{name}, best bins": best, f"{name}, best bins, refined": models.refine(best)}
    for what, variant in found.items():
        files[what] = folder / f"{what}.keras"
        variant.save(files[what])
    return files


def main(photos, pairs, *runs):
    source = protocols.open_source(PROTOCOL, photos)
    print("\n| | MACE | median | under 1 px | under 3 px | parameters | TFLite, ms |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for run in map(pathlib.Path, runs):
        with tempfile.TemporaryDirectory() as folder:
            files = variants(run, pathlib.Path(folder))
            opened = predictors.open_all(map(str, files.values()), PROTOCOL)
            tflite = predictors.from_tflite("", run / "model.tflite", PROTOCOL, trust=True)
            opened.append(tflite)
            *results, in_tflite = measurement.measure(
                opened, PROTOCOL, source, [("none", 0.0)], int(pairs)
            )
        for what, result in zip(files, results, strict=True):
            row = measurement.row(result, PROTOCOL)
            figures = f"{row['mace']:.2f} | {row['median']:.2f} | {row['under_1px']:.1%}"
            parameters = f"{row['parameters']:,}"
            ms = f"{in_tflite.ms_per_pair:.1f}" if what == next(iter(files)) else ""
            print(
                f"| {what} | {figures} | {row['under_3px']:.1%} | {parameters} | {ms} |", flush=True
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
