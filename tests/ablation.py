"""What each part of the shipped model is worth: the model without it, on the same pairs.

    python tests/ablation.py path/to/coco_val2017 [path/to/homographynet.keras ...]

Prints a Markdown table; further models are measured with refinement and without. Not part of the
suite: it needs photos and some minutes.
"""

import os
import sys
from unittest import mock

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

import keras_homography
from keras_homography import artifacts, metrics, models, protocols, refinement
from keras_homography.models import cascade

PAIRS = 252
CONDITIONS = ("none", "photometric", "occlusion")


def networks():
    """The two cascades inside the shipped model."""
    shipped = keras_homography.load_pretrained()
    first, second = models.build("cascade"), models.build("cascade")
    models.copy_weights(first, shipped)
    look = next(layer for layer in shipped.layers if layer.name == "look_again")
    inside = look.second_start.weights + look.second_stage.weights
    given = {"/".join(weight.path.split("/")[-2:]): weight for weight in inside}
    for weight in second.weights:
        weight.assign(given["/".join(weight.path.split("/")[-2:])])
    return first, second


def variants():
    """`(what, model)`."""
    first, second = networks()
    coarse = models.build("cascade", fine_steps=0)
    models.copy_weights(coarse, first)

    def whole(**options):
        return cascade.refine(first, second, **options)

    yield "the shipped model", whole()
    yield "first stage alone", coarse
    yield "both stages, three fine steps, no refinement", first
    yield "no second look", cascade.refine(first, steps=(0,), rounds=1)
    yield "no fine stage", whole(steps=(0,))
    yield "no second opinion", cascade.refine(first)
    yield "refinement once a look", whole(rounds=1)
    yield "no pyramid", whole(lucas_kanade={"steps": [[1, 5]]})
    with mock.patch.object(refinement, "_weights", lambda residual, usable: usable):
        yield "no robust weights", whole()


def further(paths):
    """`(what, model)` of models of the user."""
    for path in paths:
        model = artifacts.load_model(path)
        yield path, model
        yield f"{path}, refined", refinement.attach(model)


def measure(model, pairs):
    """`MACE / median / under 1 px` of one pair at a time, as TFLite works."""

    @tf.function(input_signature=[tf.TensorSpec([1, 128, 128, 2])])
    def run(pair):
        return tf.nest.flatten(model(pair, training=False))[0]

    for patches, h4pt in pairs:
        found = np.concatenate([run(pair[None]) for pair in patches.astype(np.float32)])
        summary = metrics.summarize(metrics.corner_errors(h4pt, found))
        yield f"{summary['mace']:.3f} / {summary['median']:.3f} / {summary['under_1px']:.1%}"


def main(folder, *paths):
    protocol = protocols.get("coco128")
    source = protocols.open_source(protocol, folder)
    pairs = []
    for condition in CONDITIONS:
        batches = protocols.batches(protocol, source, PAIRS, condition)
        pairs.append([np.concatenate(parts) for parts in zip(*batches, strict=True)])
    print(f"\n| MACE / median / under 1 px | {' | '.join(CONDITIONS)} |\n|---|---:|---:|---:|")
    for generator in (variants(), further(paths)):
        for what, model in generator:
            print(f"| {what} | {' | '.join(measure(model, pairs))} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
