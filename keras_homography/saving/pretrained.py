"""The model that ships with the package."""

import pathlib

import keras

from keras_homography import models as models  # registers the layers of the shipped file
from keras_homography.utils import files
from keras_homography.utils.errors import UserError


def load_pretrained():
    """The shipped model, from the installed package: no network.

    Returns:
      A functional `keras.Model`, not compiled: float32 `[n, 128, 128, 2]`, gray levels in 0..255,
      channel 0 patch A and channel 1 patch B -> `h4pt`, float32 `[n, 4, 2]`, pixels.
    """
    path = files.packaged_file("saved_models", "homography.keras")
    if path is None:
        raise UserError(
            "saved_models/homography.keras is missing from this installation. Install the package "
            "again, or check the repository out completely."
        )
    return keras.models.load_model(path, compile=False)


def find_keras_file(name, flag):
    """The path of a `.keras` file that a user names.

    Args:
      name: a path; the name of a shipped model; or "shipped", for the one there is.
      flag: what the user gave it to, for the message.

    Raises:
      ValueError: there is no such file.
    """
    shipped = files.packaged_file(
        "saved_models", f"{'homography' if name == 'shipped' else name}.keras"
    )
    path = shipped or pathlib.Path(name)
    if not path.is_file():
        raise UserError(
            f"--{flag}={name}: there is no such .keras file, nor a shipped model of this name."
        )
    return path
