"""A network behind one call, whatever it is stored as. Only LiteRT is needed for TFLite files."""

import importlib.util
import pathlib
import threading

import numpy as np

from keras_homography.saving import security
from keras_homography.utils import files
from keras_homography.utils.errors import UserError


def _open_tflite(path, threads=None):
    from ai_edge_litert import interpreter as litert

    try:
        interpreter = litert.Interpreter(str(path), num_threads=threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise UserError(f"Cannot read {path} as a TFLite model: {error}") from None
    given, found = interpreter.get_input_details(), interpreter.get_output_details()
    one_at_a_time = threading.Lock()  # an interpreter holds the tensors of one call

    def run(pair):
        with one_at_a_time:
            interpreter.set_tensor(given[0]["index"], pair)
            interpreter.invoke()
            return interpreter.get_tensor(found[0]["index"])

    return run, tuple(given[0]["shape"]), tuple(found[0]["shape"])


def _open_saved_model(path):
    import tensorflow as tf

    try:
        # Held on to: the signature alone does not keep the variables alive.
        loaded = tf.saved_model.load(str(path))
        serve = loaded.signatures["serving_default"]
        given = serve.structured_input_signature[1]["pairs"].shape
        found = serve.structured_outputs["h4pt"].shape
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"Cannot read {path} as a SavedModel of pairs: {str(error).splitlines()[0]}"
        ) from None

    def run(pair):
        return loaded.signatures["serving_default"](pairs=tf.constant(pair))["h4pt"].numpy()

    return run, tuple(given), tuple(found)


def _open_keras(model):
    import tensorflow as tf

    @tf.function(autograph=False)
    def serve(pair):
        return tf.nest.flatten(model(pair, training=False))[0]

    outputs = tf.nest.flatten(model.output)
    return lambda pair: serve(pair).numpy(), tuple(model.input_shape), tuple(outputs[0].shape)


def open_network(model=None, threads=None, trusted=False):
    """Opens a network.

    Args:
      model: the path of a `.tflite` or `.keras` file or of a SavedModel's folder; or a
        `keras.Model`; or None for the TFLite file that ships with the package.
      threads: to run a TFLite file on; None for LiteRT's default.
      trusted: open a file whatever it holds and wherever it comes from: see `trust`.

    Returns:
      `(run, size)`: a function from a pair, float32 `[1, size, size, 2]`, gray levels in 0..255,
      to `h4pt`, float32 `[1, 4, 2]`, pixels; and the side of its patches.

    Raises:
      ValueError: there is no such file, it cannot be read, it is not trusted, or it is no model of
        pairs.
    """
    if model is None:
        model = files.packaged_file("saved_models", "homography.tflite")
        if model is None:
            raise UserError(
                "saved_models/homography.tflite is missing from this installation. Install the "
                "package again, or check the repository out completely."
            )
    if not isinstance(model, str | pathlib.PurePath):
        run, given, found = _open_keras(model)
    else:
        path = pathlib.Path(model)
        if not path.exists():
            raise UserError(f"There is no model {path}.")
        if path.suffix != ".tflite" and not importlib.util.find_spec("tensorflow"):
            raise UserError(f"{path} needs TensorFlow, which is not installed; a .tflite does not.")
        if not trusted and (path.is_dir() or path.suffix == ".tflite"):
            security.check_listed(path)
        if path.is_dir():
            run, given, found = _open_saved_model(path)
        elif path.suffix == ".tflite":
            run, given, found = _open_tflite(path, threads)
        elif path.suffix == ".keras":
            from keras_homography.saving import loading

            run, given, found = _open_keras(loading.load_model(path, trusted))
        else:
            raise UserError(
                f"{path} is no model: give a .tflite or .keras file or the folder of a SavedModel."
            )
    size = given[1] if len(given) == 4 else None
    if given[1:] != (size, size, 2) or found[-2:] != (4, 2) or size is None:
        raise UserError(
            f"{model} is no model of pairs: it takes {given} and gives {found}; it must take (1, "
            "size, size, 2), two gray patches, and give (1, 4, 2), the corner offsets."
        )
    return run, int(size)


def stack_patches(gray_a, gray_b):
    """Two gray patches `[size, size]` as the input of a network, float32 `[1, size, size, 2]`."""
    return np.stack([gray_a, gray_b], axis=-1)[None].astype(np.float32)
