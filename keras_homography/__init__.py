"""Deep homography estimation in Keras: train, measure, export, run.

    result = keras_homography.HomographyEstimator().estimate(image_a, image_b)
    model = keras_homography.load_pretrained()
    h4pt = model(pairs)  # float32 [n, 128, 128, 2] in 0..255 -> float32 [n, 4, 2], pixels

In the order that data flows: `photos`, `tfds_photos`, `photo_streams`, `decoding`, `photo_cache`
and `synthetic` (where photos come from), `pairs` and `datasets` (labelled pairs), `models` of the
layers in `matching`, `refinement` and `look_again` (with `views`), `losses`, `optimizers`,
`metrics`, `cluster` (several machines), `training` and `callbacks`, `validation`, `run_flags` and
`run_report` (of a run), `artifacts` (.keras, SavedModel, TFLite), `trust` (which of those are
opened), `figures`. Pairs that nobody has labelled: `frames`.
Below them: `geometry`, which states the conventions, `warping`, and `checks`.

For two real images, in NumPy and OpenCV alone: `images` (what is accepted), `backends` (a network
behind one call), `proposals` (starts), `alignment` (Lucas-Kanade up a pyramid), `verification` and
`confidence` (whether to believe it), `estimator` (all of these), `overlays` (pictures).

Programs, `python -m keras_homography.NAME`: `predict`, `train`, `evaluate`, `export`, `calibrate`,
`benchmark` (of `benchmarks`), `pair_service`.
"""

import importlib.util
import os
import sys

__version__ = "0.1.0"

# Keras would otherwise follow ~/.keras/keras.json, which may name the backend of another project.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

# So that `keras.models.load_model` knows our layers once the package is imported; but a program,
# which has "-m" for a name until it runs, reads its flags before it waits for TensorFlow.
if sys.argv[:1] != ["-m"]:
    if os.environ["KERAS_BACKEND"] != "tensorflow":
        raise ImportError(
            f"KERAS_BACKEND is {os.environ['KERAS_BACKEND']!r}; keras_homography runs on "
            "TensorFlow. Unset it or set KERAS_BACKEND=tensorflow, before Keras is imported."
        )
    from keras_homography.estimator import Estimate as Estimate
    from keras_homography.estimator import HomographyEstimator as HomographyEstimator

    # The estimator also runs where only LiteRT is installed.
    if importlib.util.find_spec("tensorflow"):
        from keras_homography import models as models


def load_pretrained():
    """The shipped model: see `keras_homography.pretrained.load`."""
    from keras_homography import pretrained

    return pretrained.load()
