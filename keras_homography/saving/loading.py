"""Load `.keras` files safely."""

import os
import zipfile
import zlib

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_homography import layers as layers  # registers the layers of our files
from keras_homography.saving import pretrained, signatures, untrusted_models
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
    """Load a `.keras` file: a model of pairs of patches, or a matcher.

        model = keras_homography.load_model("runs/mine/model.keras")
        h4pt = model(pairs)  # float32 [n, size, size, 2] in 0..255 -> float32 [n, 4, 2], pixels

    A matcher maps an image of any size to its features: see `models.matcher.build`.

    Args:
      path: Of the file.
      trust: Open it whatever it contains. Otherwise Keras reads it in safe mode, after
        `untrusted_models.check_keras`.

    Returns:
      A `keras.Model`, not compiled.

    Raises:
      UserError: It cannot be read, is a model of neither kind, or could run code.
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
    signatures.of_model(model, path)
    return model


def predict(model: keras.Model, inputs: npt.ArrayLike) -> signatures.Outputs:
    """Predict the outputs of a Keras model.

    Eagerly: a refined model has ten thousand operators, and compiling them takes longer than a few
    hundred pairs.

    Args:
      model: Of pairs, or a matcher.
      inputs: float32 `[n, height, width, channels]`, gray levels in 0..255.

    Returns:
      Its outputs by the names in its signature, float32 `[n, ...]`.
    """
    names = signatures.of_model(model).output_names[: len(model.outputs)]
    batches = tf.data.Dataset.from_tensor_slices(np.asarray(inputs, np.float32)).batch(64)
    predicted = [tf.nest.flatten(model(batch, training=False)) for batch in batches]
    joined = (np.concatenate(parts) for parts in zip(*predicted, strict=True))
    return dict(zip(names, joined, strict=True))


def predict_h4pt(model: keras.Model, pairs: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Predict the corner offsets of pairs: `h4pt` of `predict`, float32 `[n, 4, 2]`, pixels."""
    return predict(model, pairs)["h4pt"]
