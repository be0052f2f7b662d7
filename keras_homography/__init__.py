"""Deep homography estimation in Keras: train, measure, export, run.

    result = keras_homography.HomographyEstimator().estimate(image_a, image_b)
    model = keras_homography.load_pretrained()
    h4pt = model(pairs)  # float32 [n, 128, 128, 2] in 0..255 -> float32 [n, 4, 2], pixels

Programs, `python -m keras_homography.NAME`: `train`, `evaluate`, `predict`, `export`, `benchmark`,
`calibrate`, `pair_service`, `stitch`, `demo`. Folders, each of which imports only those before it:
`utils`, `geometry` (the conventions), `layers`, `models`, `saving`, `data`, `visualization`,
`registration` (two images -> a homography or a reason), `stitching` (many -> a panorama),
`evaluation`, `training`, `benchmarks`, `web` (the page).

Importing the package does not import TensorFlow, which takes some seconds. Once Keras is imported,
before or after, `keras.models.load_model` knows the layers of this package. With another backend of
Keras, or without TensorFlow, `HomographyEstimator` works all the same.
"""

import importlib
import importlib.util
import os
import sys
import warnings
from typing import TYPE_CHECKING, Any

from keras_homography.utils import import_hooks, standard_streams
from keras_homography.utils.keras_backend import keras_backend, require_tensorflow

if TYPE_CHECKING:
    from keras_homography.evaluation.opencv_estimators import (
        register_estimator as register_estimator,
    )
    from keras_homography.registration.estimator import HomographyEstimator as HomographyEstimator
    from keras_homography.registration.result import Estimate as Estimate
    from keras_homography.registration.result import PointMatches as PointMatches
    from keras_homography.saving.loading import load_model as load_model
    from keras_homography.saving.preset_model import PresetModel as PresetModel
    from keras_homography.saving.pretrained import load_pretrained as load_pretrained
    from keras_homography.training.compiled_model import compile as compile

__version__ = "0.2.0"

# Imported when they are first used: the programs' `--help` does not wait for TensorFlow, and the
# estimator needs none.
_PUBLIC_NAMES = {
    "Estimate": "registration.result",
    "PresetModel": "saving.preset_model",
    "compile": "training.compiled_model",
    "HomographyEstimator": "registration.estimator",
    "PointMatches": "registration.result",
    "load_model": "saving.loading",
    "load_pretrained": "saving.pretrained",
    "register_estimator": "evaluation.opencv_estimators",
}
# `training`, `evaluation` and others import TensorFlow when their functions are called.
_NEED_TENSORFLOW = {"PresetModel", "compile", "load_model", "load_pretrained", "layers", "models"}
# Modules of version 0.1, which had no folders.
_FORMER_MODULES = {
    "artifacts": "saving.formats",
    "backends": "saving.networks",
    "baselines": "evaluation.opencv_estimators",
    "datasets": "data.batching",
    "distortions": "data.distortions",
    "estimator": "registration.estimator",
    "figures": "visualization.patch_figures",
    "frames": "data.frame_pairs",
    "images": "utils.image_input",
    "look_again": "layers.look_again",
    "losses": "training.losses",
    "metrics": "evaluation.metrics",
    "pairs": "data.pairs",
    "photos": "data.sources",
    "predictors": "evaluation.evaluated_estimators",
    "pretrained": "saving.pretrained",
    "programs": "utils.command_line",
    "protocols": "evaluation.protocols",
    "refinement": "layers.lucas_kanade",
    "synthetic": "data.synthetic_images",
    "warping": "geometry.warping",
}

# Keras would otherwise follow ~/.keras/keras.json, which may name the backend of another project.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def _is_our_program() -> bool:
    """Whether this process is `python -m keras_homography.NAME`."""
    arguments = zip(sys.orig_argv, sys.orig_argv[1:], strict=False)
    module = next((module for option, module in arguments if option == "-m"), "")
    return module.split(".")[0] == __name__


def _register_layers() -> None:
    """Let Keras find our layers, losses and metrics."""
    if keras_backend() == "tensorflow":
        importlib.import_module(f"{__name__}.layers")
        importlib.import_module(f"{__name__}.training.keras_objects")


if _is_our_program():
    standard_streams.interrupt_quietly()
# Both, as each imports the other, and our layers need both whole.
import_hooks.after_imports(["keras", "tensorflow"], __name__, _register_layers)


def __getattr__(name: str) -> Any:
    """Import public names, folders and modules of the package when they are first used."""
    if name in _NEED_TENSORFLOW:
        require_tensorflow(f"{__name__}.{name}")
    if name in _PUBLIC_NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC_NAMES[name]}"), name)
    if name in _FORMER_MODULES:
        path = f"{__name__}.{_FORMER_MODULES[name]}"
        warnings.warn(f"{__name__}.{name} is now {path}.", DeprecationWarning, stacklevel=2)
        return importlib.import_module(path)
    if not name.startswith("_") and importlib.util.find_spec(f"{__name__}.{name}"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_PUBLIC_NAMES})
