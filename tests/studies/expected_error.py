"""Does the exports' `h4pt_error` hold? Corner errors of the shipped TFLite file against it.

    python tests/studies/expected_error.py path/to/photos [COUNT]

COUNT (260) pairs each, clean, in other light, occluded, and of different images, whose error counts
as 32 px. Prints a table in Markdown. Not part of the suite: it takes minutes.
"""

import itertools
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from keras_homography.evaluation import metrics, protocol_pairs, protocols
from keras_homography.evaluation.conditions import Condition
from keras_homography.utils import files

_CONDITIONS = {
    "clean": Condition("none", 0.0),
    "photometric": Condition("photometric", 1.0),
    "photometric x2": Condition("photometric", 2.0),
    "occlusion": Condition("occlusion", 1.0),
    "occlusion x1.5": Condition("occlusion", 1.5),
    "occlusion x2": Condition("occlusion", 2.0),
    "different images": Condition("photometric", 1.0),
}
_MOST = 32.0  # pixels, that an error counts
_EDGES = (0.0, 0.1, 0.3, 1.0, 3.0, 8.0, 16.0, 32.1)


def measure(photos, count):
    """Expected and observed corner errors, `[n]` each, pixels."""
    run = Interpreter(
        str(files.packaged_file("saved_models", "homography.tflite"))
    ).get_signature_runner()
    protocol = protocols.get_protocol("coco128")
    source = protocol_pairs.open_source(protocol, photos)
    pairs = protocol_pairs.ProtocolPairs(protocol, source, count, seed=31)
    expected, observed = [], []
    for name, condition in _CONDITIONS.items():
        for patches, h4pt in pairs.batches(condition):
            if name == "different images":
                patches = np.stack([patches[..., 0], np.roll(patches[..., 1], 1, axis=0)], axis=-1)
            for pair, offsets in zip(patches, h4pt, strict=True):
                answer = run(pairs=pair[None].astype(np.float32))
                error = metrics.corner_errors(answer["h4pt"], offsets[None]).item()
                expected.append(answer["h4pt_error"].item())
                observed.append(_MOST if name == "different images" else min(error, _MOST))
    return np.array(expected), np.array(observed)


def main(photos, count=260):
    expected, observed = measure(photos, int(count))
    print("| `h4pt_error` | pairs | expected, mean | observed, mean | above 1 px | above 3 px |")
    print("|---|---:|---:|---:|---:|---:|")
    for low, high in itertools.pairwise(_EDGES):
        inside = (expected >= low) & (expected < high)
        means = f"{expected[inside].mean():.2f} | {observed[inside].mean():.2f}"
        above = " | ".join(f"{(observed[inside] > limit).mean():.1%}" for limit in (1.0, 3.0))
        print(f"| {low:g} to {min(high, _MOST):g} | {inside.sum()} | {means} | {above} |")
    below = expected < 1.0
    lost = (observed[below] > 3.0).mean()
    strangers = (observed[below] == _MOST).sum()
    print(
        f"Below 1: {below.mean():.0%} of {len(below)}; over 3 px {lost:.2%}, strangers {strangers}"
    )
    print(f"Of the answers within 1 px not below 1: {(~below)[observed < 1.0].mean():.0%}")


if __name__ == "__main__":
    main(*sys.argv[1:])
