"""The pairs that the shipped TFLite file gets most wrong, as a picture.

    python tests/studies/worst_pairs.py path/to/coco_val2017 worst.jpg

Of 1,008 clean pairs, as many under light, blur and noise, and as many with an occlusion. Prints
the displacement and contrast of each. Not part of the suite: it needs images and some minutes.
"""

import pathlib
import sys

import numpy as np

from keras_homography.evaluation import evaluated_estimators, metrics, protocol_pairs, protocols
from keras_homography.evaluation.conditions import Condition
from keras_homography.visualization import image_output, patch_figures

PAIRS, DRAWN = 1008, 10


def main(folder, picture):
    protocol = protocols.get_protocol("coco128")
    source = protocol_pairs.open_source(protocol, folder)
    pairs = protocol_pairs.ProtocolPairs(protocol, source, PAIRS)
    (shipped,) = evaluated_estimators.open_estimators(["saved_models/homography.tflite"], protocol)
    measured = []
    for distortion, strength in (("none", 0.0), ("photometric", 1.0), ("occlusion", 1.0)):
        number = 0
        for patches, h4pt in pairs.batches(Condition(distortion, strength)):
            predicted = shipped.predict(patches)
            errors = metrics.corner_errors(h4pt, predicted)
            for row in zip(errors, patches, h4pt, predicted, strict=True):
                measured.append((*row, distortion, number))
                number += 1
    worst = sorted(measured, key=lambda row: -row[0])[:DRAWN]
    tiles = []
    for error, patches, h4pt, predicted, distortion, number in worst:
        contrast = patches.astype(float).std(axis=(0, 1))
        displacement = np.linalg.norm(h4pt, axis=1).mean()
        print(
            f"pair {number}, {distortion}: {error:.1f} px; displacement {displacement:.0f} px, "
            f"contrast of A {contrast[0]:.0f} and of B {contrast[1]:.0f} gray levels"
        )
        quads = patch_figures.quads(patches[None], h4pt[None], predicted[None], columns=1)
        margin = (len(quads) - len(patches)) // 2
        b = np.pad(
            patches[..., 1],
            ((margin, margin), (0, margin)),
            constant_values=patch_figures.BACKGROUND,
        )
        tiles.append(np.hstack([quads, np.repeat(b[..., None], 3, axis=-1)]))
    rows = [np.hstack(tiles[i : i + 2]) for i in range(0, DRAWN, 2)]
    image_output.write_jpeg(pathlib.Path(picture), np.vstack(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
