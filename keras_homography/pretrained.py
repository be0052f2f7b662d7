"""The model that ships with the package."""

import keras

from keras_homography import files
from keras_homography import models as models  # registers the layers of its file


def load():
    """The shipped model, from the installed package: no network.

    Returns:
      A functional `keras.Model`, not compiled: float32 `[n, 128, 128, 2]`, grey levels in 0..255,
      channel 0 patch A and channel 1 patch B -> `h4pt`, float32 `[n, 4, 2]`, pixels.
    """
    path = files.resource("saved_models", "homography.keras")
    if path is None:
        raise ValueError(
            "saved_models/homography.keras is missing from this installation. Install the package "
            "again, or check the repository out completely."
        )
    return keras.models.load_model(path, compile=False)
