"""Open a network behind one call, whichever format it is stored in.

TFLite files need LiteRT alone; `.keras` files and SavedModels need TensorFlow.
"""

import dataclasses
import functools
import importlib.util
import os
import pathlib
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_homography.saving import pretrained, untrusted_models, untrusted_tflite
from keras_homography.utils.errors import UserError

if TYPE_CHECKING:
    import keras

    Model: TypeAlias = str | os.PathLike[str] | keras.Model | None

_SUFFIXES = (".tflite", ".keras", pretrained.SAVED_MODEL)
_Array: TypeAlias = npt.NDArray[np.float32]
_Shape: TypeAlias = tuple[int | None, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """A function from a pair of patches to corner offsets; opened by `open_network`.

    Instances can be pickled: a file is opened again, and checked again, where they are unpickled.

    Attributes:
      patch_size: Side of its patches, in pixels.
    """

    patch_size: int
    _run: Callable[[_Array], _Array] = dataclasses.field(repr=False)
    _reopen: "Callable[[], Network]" = dataclasses.field(repr=False)

    def __call__(self, pairs: _Array) -> _Array:
        """Predict the corner offsets of one pair.

        Args:
          pairs: float32 `[1, patch_size, patch_size, 2]`, gray levels in 0..255, channel 0 patch A
            and channel 1 patch B.

        Returns:
          `h4pt`, float32 `[1, 4, 2]`, pixels.
        """
        return self._run(pairs)

    def __reduce__(self) -> tuple[Callable[..., "Network"], tuple[Any, ...]]:
        """Pickle how it was opened: an interpreter and a traced function cannot be pickled."""
        return self._reopen, ()


def open_network(
    model: "Model" = None, num_threads: int | None = None, trust: bool = False
) -> Network:
    """Open a network.

        network = open_network("runs/mine/model.tflite", num_threads=2)
        h4pt = network(stack_patches(gray_a, gray_b))

    Args:
      model: The path of a `.tflite` or `.keras` file or of a SavedModel's folder; the name of a
        shipped model; a `keras.Model`; or None for the shipped TFLite file.
      num_threads: Threads of a TFLite file; None for LiteRT's default.
      trust: Open a file whatever it contains and wherever it comes from: see `untrusted_models`.

    Returns:
      The network, ready to be called. Threads may share it; with a TFLite file they take turns.

    Raises:
      UserError: There is no such file, it cannot be read, it is not trusted, or it does not map a
        pair of patches to corner offsets.
    """
    if model is None or isinstance(model, str | os.PathLike):
        path = pretrained.resolve_model("homography" if model is None else model, _SUFFIXES)
        # What a name resolves to may lie elsewhere on the machine that unpickles.
        reopen = model if model is None or path != pathlib.Path(model) else path.absolute()
        label = str(path)
        run, inputs, outputs = _open_path(path, num_threads, trust)
    elif _is_keras_model(model):
        reopen, label = model, "The model"
        run, inputs, outputs = _open_keras(model)
    else:
        pretrained.path_of_model(model)  # raises
    size = inputs[1] if len(inputs) == 4 else None
    if size is None or inputs[1:] != (size, size, 2) or outputs[-2:] != (4, 2):
        raise UserError(
            f"{label} is no model of pairs: its input is {inputs} and its output {outputs}; they "
            "must be (1, size, size, 2), two gray patches, and (1, 4, 2), the corner offsets."
        )
    return Network(int(size), run, functools.partial(open_network, reopen, num_threads, trust))


def stack_patches(gray_a: np.ndarray, gray_b: np.ndarray) -> _Array:
    """Stack two gray patches `[size, size]` as a network's input, float32 `[1, size, size, 2]`."""
    return np.stack([gray_a, gray_b], axis=-1)[None].astype(np.float32)


_Opened: TypeAlias = tuple[Callable[[_Array], _Array], _Shape, _Shape]


def _open_path(path: pathlib.Path, num_threads: int | None, trust: bool) -> _Opened:
    """Open a file or folder: the function, its input's shape and its output's."""
    if path.suffix != ".tflite" and not importlib.util.find_spec("tensorflow"):
        raise UserError(f"{path} needs TensorFlow, which is not installed; a .tflite does not.")
    if path.is_dir():
        check = (
            untrusted_models.require_saved_model if trust else untrusted_models.check_saved_model
        )
        check(path)
        return _open_saved_model(path)
    if path.suffix == ".tflite":
        return _open_tflite(path, num_threads, trust)
    from keras_homography.saving import loading

    return _open_keras(loading.load_model(path, trust))


def _is_keras_model(model: object) -> bool:
    # Without Keras in memory there is no model of it.
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(model, keras.Model)


def _open_tflite(path: pathlib.Path, num_threads: int | None, trust: bool) -> _Opened:
    from ai_edge_litert import interpreter as litert

    content = _read_tflite(path)
    if not trust:
        untrusted_tflite.check(content, str(path), untrusted_models.HOW_TO_TRUST)
    try:
        # Not by its name: it could have changed since it was checked.
        interpreter = litert.Interpreter(model_content=content, num_threads=num_threads)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise UserError(f"Cannot read {path} as a TFLite model: {error}") from error
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    one_at_a_time = threading.Lock()  # an interpreter holds the tensors of one call

    def run(pair: _Array) -> _Array:
        with one_at_a_time:
            interpreter.set_tensor(inputs[0]["index"], pair)
            interpreter.invoke()
            return interpreter.get_tensor(outputs[0]["index"])

    return run, tuple(inputs[0]["shape"].tolist()), tuple(outputs[0]["shape"].tolist())


def _read_tflite(path: pathlib.Path) -> bytes:
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            content = file.read(size) if size <= untrusted_tflite.MAX_BYTES else b""
    except OSError as error:
        raise UserError(f"Cannot read {path} as a TFLite model: {error.strerror}.") from error
    if size > untrusted_tflite.MAX_BYTES:
        raise UserError(
            f"Cannot read {path} as a TFLite model: it is larger than "
            f"{untrusted_tflite.MAX_BYTES} bytes."
        )
    return content


def _open_saved_model(path: pathlib.Path) -> _Opened:
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(path))
        serve = loaded.signatures["serving_default"]
        inputs = serve.structured_input_signature[1]["pairs"].shape
        outputs = serve.structured_outputs["h4pt"].shape
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"Cannot read {path} as a SavedModel of pairs: {reason}") from error

    def run(pair: _Array) -> _Array:
        # By way of `loaded`: a signature alone does not keep the variables alive.
        return loaded.signatures["serving_default"](pairs=tf.constant(pair))["h4pt"].numpy()

    return run, tuple(inputs), tuple(outputs)


def _open_keras(model: "keras.Model") -> _Opened:
    import tensorflow as tf

    @tf.function(autograph=False)
    def serve(pair: tf.Tensor) -> tf.Tensor:
        return tf.nest.flatten(model(pair, training=False))[0]

    def run(pair: _Array) -> _Array:
        return serve(pair).numpy()

    outputs = tf.nest.flatten(model.output)
    return run, tuple(model.input_shape), tuple(outputs[0].shape)
