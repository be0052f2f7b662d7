"""Sources of images, and the pairs of patches made from them.

    dataset = keras_homography.data.pair_dataset("synthetic", seed=1)

`pair_dataset` imports TensorFlow once it is asked for.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_homography.data.keras_datasets import pair_dataset as pair_dataset
    from keras_homography.data.pair_spec import PairSpec as PairSpec

_PUBLIC_NAMES = {"PairSpec": "pair_spec", "pair_dataset": "keras_datasets"}


def __getattr__(name: str) -> Any:
    """Import public names once they are asked for."""
    if name in _PUBLIC_NAMES:
        return getattr(importlib.import_module(f"{__name__}.{_PUBLIC_NAMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
