"""What each part of the shipped model is worth: the model without it, on the same pairs.

    python tests/studies/ablation.py path/to/coco_val2017 [path/to/homographynet.keras ...]

Prints a Markdown table; further models are measured with refinement and without. Not part of the
suite: it needs images and some minutes.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

import keras_homography
from keras_homography import models
from keras_homography.evaluation import metrics, protocol_pairs, protocols
from keras_homography.evaluation.conditions import CLEAN, Condition
from keras_homography.layers import lucas_kanade
from keras_homography.models import cascade
from keras_homography.saving import loading

PAIRS = 252
CONDITIONS = (CLEAN, Condition("photometric", 1.0), Condition("occlusion", 1.0))


def variants():
    """`(what, model)`."""
    shipped = keras_homography.load_pretrained()
    network, coarse = models.build("cascade"), models.build("cascade", fine_steps=0)
    for model in (network, coarse):
        models.copy_weights(model, shipped)

    def whole(**options):
        return cascade.refine(network, **options)

    yield "the shipped model", shipped
    yield "first stage alone", coarse
    yield "both stages, three fine steps, no refinement", network
    yield "no second look", whole(steps=(0,), max_refinements=1, num_views=0)
    yield "no fine stage", whole(steps=(0,))
    yield "no other views", whole(num_views=0)
    yield "A and B exchanged as the only other view", whole(num_views=1)
    yield "refinement once a look", whole(max_refinements=1)
    yield "no pyramid", whole(lucas_kanade={"steps": [[1, 5]]})
    yield "little overlap proves as much", whole(lucas_kanade={"min_overlap": 1e-3})
    yield "no robust weights", whole(lucas_kanade={"robust": False})


def further(paths):
    """`(what, model)` of models of the user."""
    for path in paths:
        model = loading.load_model(path)
        yield path, model
        yield f"{path}, refined", lucas_kanade.attach(model)


def measure(model, pairs):
    """`MACE / median / under 1 px` of one pair at a time, as TFLite works."""

    @tf.function(input_signature=[tf.TensorSpec([1, 128, 128, 2])])
    def run(pair):
        return tf.nest.flatten(model(pair, training=False))[0]

    for patches, h4pt in pairs:
        predicted = np.concatenate([run(pair[None]) for pair in patches.astype(np.float32)])
        summary = metrics.summarize(metrics.corner_errors(h4pt, predicted))
        yield f"{summary['mace']:.3f} / {summary['median']:.3f} / {summary['under_1px']:.1%}"


def main(folder, *paths):
    protocol = protocols.get_protocol("coco128")
    source = protocol_pairs.open_source(protocol, folder)
    measured = protocol_pairs.ProtocolPairs(protocol, source, PAIRS)
    pairs = [measured.collect(condition) for condition in CONDITIONS]
    labels = " | ".join(condition.distortion for condition in CONDITIONS)
    print(f"\n| MACE / median / under 1 px | {labels} |\n|---|---:|---:|---:|")
    for generator in (variants(), further(paths)):
        for what, model in generator:
            print(f"| {what} | {' | '.join(measure(model, pairs))} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
