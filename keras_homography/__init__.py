"""Deep homography estimation in Keras: train, measure, export, run.

    result = keras_homography.HomographyEstimator().estimate(image_a, image_b)
    model = keras_homography.load_pretrained()
    h4pt = model(pairs)  # float32 [n, 128, 128, 2] in 0..255 -> float32 [n, 4, 2], pixels

Programs, `python -m keras_homography.NAME`: `train`, `evaluate`, `predict`, `export`, `benchmark`,
`calibrate`, `pair_service`. Folders, each of which imports only those before it: `utils`,
`geometry` (the conventions), `layers`, `models`, `saving`, `data`, `visualization`, `registration`
(two images -> a homography or a reason), `evaluation`, `training`, `benchmarks`.
"""

import importlib
import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_homography.registration.estimator import HomographyEstimator as HomographyEstimator
    from keras_homography.registration.result import Estimate as Estimate
    from keras_homography.saving.loading import load_model as load_model
    from keras_homography.saving.pretrained import load_pretrained as load_pretrained

__version__ = "0.2.0"

# Imported once they are asked for, so that `python -m keras_homography.NAME --help` need not wait
# for TensorFlow, and the estimator runs where only LiteRT is installed.
_PUBLIC_NAMES = {
    "Estimate": "registration.result",
    "HomographyEstimator": "registration.estimator",
    "load_model": "saving.loading",
    "load_pretrained": "saving.pretrained",
}

# Keras would otherwise follow ~/.keras/keras.json, which may name the backend of another project.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def _is_our_program() -> bool:
    """Whether this process is `python -m keras_homography.NAME`."""
    following = zip(sys.orig_argv, sys.orig_argv[1:], strict=False)
    return any(
        option == "-m" and module.split(".")[0] == "keras_homography"
        for option, module in following
    )


# `keras.models.load_model` finds our layers only once they are registered, which waits for
# TensorFlow: our programs read their flags first.
if (
    os.environ["KERAS_BACKEND"] == "tensorflow"
    and importlib.util.find_spec("tensorflow")
    and not _is_our_program()
):
    from keras_homography import models as models


def __getattr__(name: str) -> Any:
    """Import public names and folders of the package once they are asked for."""
    if name in _PUBLIC_NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC_NAMES[name]}"), name)
    if not name.startswith("_") and importlib.util.find_spec(f"{__name__}.{name}"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
