"""Open `.keras` files safely."""

import keras
import tensorflow as tf

from keras_homography.saving import security
from keras_homography.utils.errors import UserError


def load_model(path, trusted=False):
    """Reads a `.keras` file of any architecture of ours.

    Args:
      path: of the file.
      trusted: open it whatever it holds. Otherwise it is read in safe mode, after
        `security.check_keras`.

    Returns:
      A `keras.Model` of pairs, not compiled.

    Raises:
      ValueError: it cannot be read, is no model of pairs, or holds what could run code.
    """
    if not trusted:
        security.check_keras(path)
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=not trusted)
    except Exception as error:  # Keras raises nearly anything on a file that is not its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"Cannot read {path} as a Keras model: {reason}") from None
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
    return model


def predict_h4pt(model, pairs):
    """The main output of a Keras model: numpy float32 `[n, 4, 2]`, pixels."""
    outputs = model(tf.convert_to_tensor(pairs, tf.float32), training=False)
    return tf.nest.flatten(outputs)[0].numpy()
