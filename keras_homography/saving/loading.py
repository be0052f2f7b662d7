"""Load `.keras` files safely."""

import os
import zipfile
import zlib

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_homography import layers as layers  # registers the layers of our files
from keras_homography.saving import pretrained, untrusted_models
from keras_homography.utils import operating_system
from keras_homography.utils.errors import UserError

# What Keras, zipfile and h5py raise on what is not an archive, configuration or weights of a model.
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    RecursionError,
    zipfile.BadZipFile,
    zlib.error,
)


def load_model(path: str | os.PathLike[str], trust: bool = False) -> keras.Model:
    """Load a `.keras` file that maps pairs of patches to corner offsets.

        model = keras_homography.load_model("runs/mine/model.keras")
        h4pt = model(pairs)  # float32 [n, size, size, 2] in 0..255 -> float32 [n, 4, 2], pixels

    Args:
      path: Of the file.
      trust: Open it whatever it contains. Otherwise Keras reads it in safe mode, after
        `untrusted_models.check_keras`.

    Returns:
      A `keras.Model`, not compiled.

    Raises:
      UserError: It cannot be read, does not map pairs to corner offsets, or could run code.
    """
    path = os.fspath(pretrained.path_of_model(path))
    operating_system.require_regular(path, "a Keras model")
    if not trust:
        untrusted_models.check_keras(path)
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=not trust)
    except _UNREADABLE as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"Cannot read {path} as a Keras model: {reason}") from error
    _check_shapes(path, model)
    return model


def predict_h4pt(model: keras.Model, pairs: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Predict the main output of a Keras model.

    Eagerly: a refined model has ten thousand operators, and compiling them takes longer than a few
    hundred pairs.

    Args:
      model: Maps pairs to corner offsets, its first output.
      pairs: float32 `[n, size, size, 2]`, gray levels in 0..255.

    Returns:
      `h4pt`, float32 `[n, 4, 2]`, pixels.
    """
    batches = tf.data.Dataset.from_tensor_slices(np.asarray(pairs, np.float32)).batch(64)
    predicted = [tf.nest.flatten(model(batch, training=False))[0].numpy() for batch in batches]
    return np.concatenate(predicted)


def _check_shapes(path: str, model: keras.Model) -> None:
    """Raise a `UserError` unless a model maps pairs of patches to corner offsets."""
    inputs = [tuple(tensor.shape) for tensor in getattr(model, "inputs", [])]
    outputs = [tuple(tensor.shape) for tensor in tf.nest.flatten(getattr(model, "output", []))]
    takes_pairs = len(inputs) == 1 and len(inputs[0]) == 4 and inputs[0][3] == 2
    is_square = takes_pairs and inputs[0][1] == inputs[0][2] and inputs[0][1] is not None
    if not is_square or outputs[:1] != [(None, 4, 2)]:
        raise UserError(
            f"{path} is no model of pairs: its inputs are {inputs} and its outputs {outputs}; it "
            "must have one input (None, size, size, 2), two gray patches, and the first output "
            "must be (None, 4, 2), the corner offsets."
        )
