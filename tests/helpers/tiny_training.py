"""The program `train` with `tiny_runs.tiny_model` for HomographyNet; run by `helpers.programs`.

    helpers.tiny_training FLAGS

For tests of what the program does around the network: it is traced and exported in a fifth of the
time.
"""

import os
import pathlib
import runpy

from helpers.tiny_runs import tiny_model

from keras_homography import models


def main():
    build = models.build
    models.build = lambda name, **options: (
        tiny_model(options["patch_size"]) if name == "homographynet" else build(name, **options)
    )
    # A worker that lost another replaces its process by `python -m helpers.tiny_training`.
    os.environ["PYTHONPATH"] = str(pathlib.Path(__file__).parents[1])
    runpy.run_module("keras_homography.train", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
