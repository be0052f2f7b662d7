"""Training runs: configuration, inputs, loop, checkpoints, report.

    from keras_homography import training
    training.run(training.TrainConfig(dataset="synthetic", model="cascade", steps=100))

`run` and its modules import TensorFlow once they are asked for; the configuration does not.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_homography.training.config import TrainConfig as TrainConfig
    from keras_homography.training.training_run import TrainResult as TrainResult
    from keras_homography.training.training_run import run as run

_PUBLIC_NAMES = {"TrainConfig": "config", "TrainResult": "training_run", "run": "training_run"}


def __getattr__(name: str) -> Any:
    """Import public names once they are asked for."""
    if name in _PUBLIC_NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
