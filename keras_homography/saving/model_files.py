"""Open a model of any kind and format behind one call.

TFLite files need LiteRT alone; `.keras` files and SavedModels need TensorFlow.
"""

import dataclasses
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
from keras_homography.saving.signatures import Outputs, Shape, shapes_of
from keras_homography.utils.errors import UserError

if TYPE_CHECKING:
    import keras

    Model: TypeAlias = str | os.PathLike[str] | keras.Model | None

_SUFFIXES = (".tflite", ".keras", pretrained.SAVED_MODEL)


@dataclasses.dataclass(frozen=True, eq=False)
class OpenedModel:
    """A model of whatever kind.

    Attributes:
      label: What it is called in messages: its path, or "The model".
      reopen: What opens it again, also in another process: a name, an absolute path, or itself.
      input_shape: With the batch.
      output_shapes: By name, with the batch; the main one first.
      run: Function of its input that returns its outputs by name, in the same order. Threads may
        share it.
    """

    label: str
    reopen: "Model"
    input_shape: Shape
    output_shapes: dict[str, Shape]
    run: Callable[[npt.NDArray[np.float32]], Outputs]


_Opened: TypeAlias = tuple[Shape, dict[str, Shape], Callable[[npt.NDArray[np.float32]], Outputs]]


def open_model(model: "Model", default: str, num_threads: int | None, trust: bool) -> OpenedModel:
    """Open a model.

    Args:
      model: The path of a `.tflite` or `.keras` file or of a SavedModel's folder; the name of a
        shipped model; a `keras.Model`; or None for the default.
      default: Name of the shipped model that None stands for.
      num_threads: Threads of a TFLite file; None for LiteRT's default.
      trust: Open a file whatever it contains and wherever it comes from: see `untrusted_models`.

    Raises:
      UserError: There is no such file, it cannot be read, or it is not trusted.
    """
    if model is None or isinstance(model, str | os.PathLike):
        path = pretrained.resolve_model(default if model is None else model, _SUFFIXES)
        # What a name resolves to may lie elsewhere on the machine that unpickles.
        reopen = model if model is None or path != pathlib.Path(model) else path.absolute()
        return OpenedModel(str(path), reopen, *_open_path(path, num_threads, trust))
    if not _is_keras_model(model):
        pretrained.path_of_model(model)  # raises
    return OpenedModel("The model", model, *_open_keras(model))


def _open_path(path: pathlib.Path, num_threads: int | None, trust: bool) -> _Opened:
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
        names = _output_names(interpreter)
    except (ValueError, RuntimeError) as error:
        raise UserError(f"Cannot read {path} as a TFLite model: {error}") from error
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    output_shapes = {names.get(each["index"], each["name"]): _shape(each) for each in outputs}
    if len(inputs) != 1 or len(output_shapes) != len(outputs):
        raise UserError(
            f"Cannot read {path} as a TFLite model of ours: it has {len(inputs)} inputs and the "
            f"outputs {', '.join(each['name'] for each in outputs)}."
        )
    input_index, input_shape = inputs[0]["index"], _shape(inputs[0])
    indices = [each["index"] for each in outputs]
    allocated = tuple(inputs[0]["shape"].tolist())
    one_at_a_time = threading.Lock()  # an interpreter holds the tensors of one call

    def run(batch: npt.NDArray[np.float32]) -> Outputs:
        nonlocal allocated
        with one_at_a_time:
            if None in input_shape and batch.shape != allocated:
                allocated = ()  # neither size, should this fail
                interpreter.resize_tensor_input(input_index, batch.shape, strict=True)
                interpreter.allocate_tensors()
                allocated = batch.shape
            interpreter.set_tensor(input_index, batch)
            interpreter.invoke()
            values = [interpreter.get_tensor(index) for index in indices]
        return dict(zip(output_shapes, values, strict=True))

    return input_shape, output_shapes, run


def _output_names(interpreter: Any) -> dict[int, str]:
    """Return the names that the signature gives to outputs, by their tensors; none without one."""
    if "serving_default" not in interpreter.get_signature_list():
        return {}
    outputs = interpreter.get_signature_runner("serving_default").get_output_details()
    return {each["index"]: name for name, each in outputs.items()}


def _shape(details: dict[str, Any]) -> Shape:
    """Return the shape of a tensor; its batch is 1, whatever it may be resized to."""
    shape, signature = details["shape"].tolist(), details["shape_signature"].tolist()
    if len(signature) != len(shape):
        return tuple(shape)
    sides = [None if side == -1 else side for side in signature]
    return (*shape[:1], *sides[1:])


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
        ((name, spec),) = serve.structured_input_signature[1].items()
        outputs = {name: tuple(each.shape) for name, each in serve.structured_outputs.items()}
    except (OSError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"Cannot read {path} as a SavedModel of ours: {reason}") from error

    def run(batch: npt.NDArray[np.float32]) -> Outputs:
        # By way of `loaded`: a signature alone does not keep the variables alive.
        values = loaded.signatures["serving_default"](**{name: tf.constant(batch)})
        return {name: values[name].numpy() for name in outputs}

    return tuple(spec.shape), outputs, run


def _open_keras(model: "keras.Model") -> _Opened:
    import tensorflow as tf

    inputs, outputs = shapes_of(model)

    @tf.function(autograph=False, reduce_retracing=True)
    def serve(batch: tf.Tensor) -> list[tf.Tensor]:
        return tf.nest.flatten(model(batch, training=False))

    def run(batch: npt.NDArray[np.float32]) -> Outputs:
        return dict(zip(outputs, (value.numpy() for value in serve(batch)), strict=True))

    return inputs[0] if len(inputs) == 1 else (), outputs, run
