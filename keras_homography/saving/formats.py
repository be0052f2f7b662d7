"""List the formats that a model is written in, and how each is read back.

Imports no TensorFlow by itself, so that programs can name the formats in their `--help`.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_homography.saving.signatures import Outputs

if TYPE_CHECKING:
    import keras

# A batch of inputs, float32 `[n, height, width, channels]` -> the outputs by name.
Predict: TypeAlias = Callable[[npt.NDArray[np.float32]], Outputs]


@dataclasses.dataclass(frozen=True)
class Format:
    """A format of model files.

    Attributes:
      file_name: What the file, or folder, is called in an output folder.
      write: Function of a float32 `keras.Model`, of pairs or a matcher, and of the path.
      read: Function of the path; returns the function that the file holds.
      is_lossy: Whether its weights have less than float32.
      is_optional: Whether not every model can be written in it without losing accuracy.
    """

    file_name: str
    write: "Callable[[keras.Model, pathlib.Path], None]"
    read: Callable[[pathlib.Path], Predict]
    is_lossy: bool = False
    is_optional: bool = False


def _write_keras(model: "keras.Model", path: pathlib.Path) -> None:
    model.save(path)


def _read_keras(path: pathlib.Path) -> Predict:
    from keras_homography.saving import loading

    model = loading.load_model(path, trust=True)  # written by this process
    return functools.partial(loading.predict, model)


def _write_saved_model(model: "keras.Model", path: pathlib.Path) -> None:
    from keras_homography.saving import saved_model_format

    saved_model_format.write(model, path)


def _read_saved_model(path: pathlib.Path) -> Predict:
    import tensorflow as tf

    serve = tf.saved_model.load(str(path)).signatures["serving_default"]
    (name,) = serve.structured_input_signature[1]

    def predict(inputs: npt.NDArray[np.float32]) -> Outputs:
        outputs = serve(**{name: tf.constant(inputs)})
        return {output: value.numpy() for output, value in outputs.items()}

    return predict


def _write_tflite(model: "keras.Model", path: pathlib.Path, precision: str = "float32") -> None:
    from keras_homography.saving import tflite_format

    tflite_format.write(model, path, precision)


def _read_tflite(path: pathlib.Path) -> Predict:
    from ai_edge_litert import interpreter as litert

    runner = litert.Interpreter(str(path)).get_signature_runner()
    (name,) = runner.get_input_details()

    def predict(inputs: npt.NDArray[np.float32]) -> Outputs:
        outputs = [runner(**{name: each[None]}) for each in inputs]
        return {output: np.concatenate([each[output] for each in outputs]) for output in outputs[0]}

    return predict


def _write_onnx(model: "keras.Model", path: pathlib.Path) -> None:
    from keras_homography.saving import onnx_format

    onnx_format.write(model, path)


def _read_onnx(path: pathlib.Path) -> Predict:
    from keras_homography.saving import onnx_format

    return onnx_format.read(path)


FORMATS = {
    "keras": Format("model.keras", _write_keras, _read_keras),
    "saved_model": Format("saved_model", _write_saved_model, _read_saved_model),
    "tflite": Format("model.tflite", _write_tflite, _read_tflite),
    "float16": Format(
        "model_float16.tflite",
        functools.partial(_write_tflite, precision="float16"),
        _read_tflite,
        is_lossy=True,
    ),
    "int8": Format(
        "model_int8.tflite",
        functools.partial(_write_tflite, precision="int8"),
        _read_tflite,
        is_lossy=True,
        is_optional=True,
    ),
    "onnx": Format("model.onnx", _write_onnx, _read_onnx),
}
# What `export` writes if nothing is said: onnx needs an extra, and does not take every model.
DEFAULT_FORMATS = tuple(name for name in FORMATS if name != "onnx")
RUN_FORMATS = ("keras", "saved_model", "tflite")  # what `train` writes
