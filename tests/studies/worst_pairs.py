"""The pairs that the shipped TFLite file gets most wrong, as a picture.

    python tests/worst_pairs.py path/to/coco_val2017 worst.jpg

Of 1,008 clean pairs, as many under light, blur and noise, and as many with a part hidden. Prints
what is known of each. Not part of the suite: it needs photos and some minutes.
"""

import pathlib
import sys

import numpy as np

from keras_homography.evaluation import metrics, predictors, protocols
from keras_homography.visualization import image_output, patch_figures

PAIRS, SHOWN = 1008, 10


def main(folder, picture):
    protocol = protocols.get("coco128")
    source = protocols.open_source(protocol, folder)
    (shipped,) = predictors.open_all(["saved_models/homography.tflite"], protocol)
    found = []
    for condition in ("none", "photometric", "occlusion"):
        number = 0
        for patches, h4pt in protocols.batches(protocol, source, PAIRS, condition):
            predicted = shipped.predict(patches)
            errors = metrics.corner_errors(h4pt, predicted)
            for row in zip(errors, patches, h4pt, predicted, strict=True):
                found.append((*row, condition, number))
                number += 1
    worst = sorted(found, key=lambda row: -row[0])[:SHOWN]
    tiles = []
    for error, patches, h4pt, predicted, condition, number in worst:
        contrast = patches.astype(float).std(axis=(0, 1))
        moved = np.linalg.norm(h4pt, axis=1).mean()
        print(
            f"pair {number}, {condition}: {error:.1f} px; moved by {moved:.0f} px, contrast "
            f"of A {contrast[0]:.0f} and of B {contrast[1]:.0f} gray levels"
        )
        quads = patch_figures.quads(patches[None], h4pt[None], predicted[None], columns=1)
        margin = (len(quads) - len(patches)) // 2
        b = np.pad(patches[..., 1], ((margin, margin), (0, margin)), constant_values=24)
        tiles.append(np.hstack([quads, np.repeat(b[..., None], 3, axis=-1)]))
    rows = [np.hstack(tiles[i : i + 2]) for i in range(0, SHOWN, 2)]
    image_output.write_jpeg(pathlib.Path(picture), np.vstack(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
