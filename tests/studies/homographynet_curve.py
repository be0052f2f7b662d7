"""Draw the error of the shipped HomographyNet's two runs against the pairs seen.

    python tests/studies/homographynet_curve.py runs/homographynet_64 runs/homographynet out.png

Errors of patches of 64 pixels are doubled, to the scale of 128.
"""

import json
import pathlib
import sys

from keras_homography.visualization import image_output, learning_curve


def read_history(run, scale):
    """The rounds of a run, with errors multiplied by a scale."""
    history = json.loads((pathlib.Path(run) / "history.json").read_text())
    return [entry | {"val_mace": scale * entry["val_mace"]} for entry in history]


def main(small, large, path):
    first = read_history(small, 2.0)
    second = [
        entry | {"pairs": first[-1]["pairs"] + entry["pairs"]} for entry in read_history(large, 1.0)
    ]
    curves = {"patches of 64 pixels, doubled": first, "patches of 128 pixels, reduced": second}
    image_output.write_png(pathlib.Path(path), learning_curve.draw(curves, identity=25.0))


if __name__ == "__main__":
    main(*sys.argv[1:])
