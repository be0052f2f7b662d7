"""What `HomographyEstimator` answers wrongly with the most confidence, as a picture.

    python tests/studies/worst_answers.py worst_answers.jpg [ROUNDS] [DATASET]

Of ROUNDS (5) times 140 traps and 100 pairs that no homography explains, from generated images: a
row is A, B, and aligned A in red over B in cyan. Prints the kind, confidence and error of each.
Not part of the suite: it takes minutes.
"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import numpy as np

from keras_homography import HomographyEstimator
from keras_homography.evaluation import calibration_pairs, trap_measurement, traps
from keras_homography.visualization import alignment_overlays, image_output

DRAWN = 3
_FAR = 10.0  # pixels of B, of an answer that is wrong
_WIDTH, _HEIGHT = 320, 240  # of a tile


def tile(image):
    """An image within a tile, gray around it."""
    scale = min(_WIDTH / image.shape[1], _HEIGHT / image.shape[0])
    size = round(image.shape[1] * scale), round(image.shape[0] * scale)
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    right, below = _WIDTH - size[0], _HEIGHT - size[1]
    return cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(128,) * 3)


def main(picture, rounds="5", dataset="synthetic"):
    estimator = HomographyEstimator()
    wrong = []
    for seed in range(int(rounds)):
        for pair in calibration_pairs.make_pairs(dataset, 50, 100 + seed):
            if pair.kind not in traps.KINDS and "bent" not in pair.kind:
                continue
            result = estimator.estimate(pair.image_a, pair.image_b)
            error = trap_measurement.overlap_error(result.homography, pair)
            if result and not error <= _FAR:
                wrong.append((result.confidence, error, pair, result.homography))
                print(f"{pair.kind}: {result.confidence:.2f}, {error:.0f} px", flush=True)
    wrong.sort(key=lambda row: -row[0])
    rows = []
    for confidence, error, pair, b_from_a in wrong[:DRAWN]:
        print(f"drawn: {pair.kind}: {confidence:.2f}, {error:.0f} px")
        a, b = (cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) for image in (pair.image_a, pair.image_b))
        aligned = alignment_overlays.align(a, b_from_a, (b.shape[1], b.shape[0]))
        overlay = alignment_overlays.red_cyan(aligned, b)
        rows.append(np.hstack([tile(image) for image in (a, b, overlay)]))
    image_output.write_jpeg(picture, np.vstack(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
