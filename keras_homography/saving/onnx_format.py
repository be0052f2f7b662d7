"""Write a Keras model as an ONNX file, by Keras's own exporter; read it by ONNX Runtime."""

import importlib.util
import logging
import pathlib
import warnings
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from keras_homography.saving import signatures
from keras_homography.utils.errors import UserError

if TYPE_CHECKING:
    import keras

    from keras_homography.saving.formats import Predict

_PACKAGES = ("tf2onnx", "onnxruntime")
_SIDE = 32  # pixels, of the image with which a model of any size is built


def check_packages() -> None:
    """Check that what writes and reads ONNX files is installed.

    Raises:
      UserError: it is not.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UserError(
            f"The format onnx needs {' and '.join(missing)}: pip install 'keras-homography[onnx]'."
        )


def write(model: "keras.Model", path: pathlib.Path) -> None:
    """Write an ONNX file, input and outputs named as in the model's signature.

    Args:
      model: float32 `keras.Model`, of pairs or a matcher, of Keras's layers alone.
      path: of the file.

    Raises:
      UserError: the model has other layers, or a package is missing.
    """
    check_packages()
    own = {
        type(layer).__name__
        for layer in model.layers
        if type(layer).__module__.partition(".")[0] != "keras"
    }
    if own:
        raise UserError(
            f"This model cannot be written as ONNX: it has layers ({', '.join(sorted(own))}) whose "
            "control flow tf2onnx does not convert. HomographyNet and matchers can be; for this "
            "one take --formats=tflite or saved_model."
        )

    import keras

    signature = signatures.of_model(model)
    names = signature.output_names[: len(model.outputs)]
    named = keras.Model(model.inputs, dict(zip(names, model.outputs, strict=True)))
    shape = [1, *(side or _SIDE for side in model.input_shape[1:])]
    named([np.zeros(shape, np.float32)])  # Keras exports only what was called
    logging.getLogger("tf2onnx").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of Keras, about NumPy
        named.export(str(path), format="onnx", verbose=False)


def read(path: pathlib.Path) -> "Predict":
    """Return the function that an ONNX file holds.

    Args:
      path: of the file.

    Returns:
      A function of a batch of inputs, float32 `[n, height, width, channels]`, to its outputs by
      name.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    (model_input,) = session.get_inputs()
    names = [output.name for output in session.get_outputs()]

    def predict(inputs: npt.NDArray[np.float32]) -> signatures.Outputs:
        return dict(zip(names, session.run(names, {model_input.name: inputs}), strict=True))

    return predict
