"""Write a Keras model as a TFLite file of built-in operators only."""

import pathlib
import tempfile

import keras
import tensorflow as tf
from tensorflow.lite.tools import flatbuffer_utils

from keras_homography.saving import saved_model_format


def write(model: keras.Model, path: pathlib.Path, precision: str = "float32") -> None:
    """Write a TFLite file: one pair or image in, the outputs of the model's signature out.

    The input of a matcher has no fixed size: it is made to be resized.

    Args:
      model: Float32 `keras.Model`, of pairs or a matcher.
      path: Of the file.
      precision: Of the weights: "float32", "float16" or "int8" (dynamic range: activations are
        quantized at run time). Input and output stay float32.
    """
    with tempfile.TemporaryDirectory() as folder:
        endpoint = saved_model_format.serving_endpoint(saved_model_format.trace(model, 1))
        saved_model_format.write_archive(model, folder, [endpoint])
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        path.write_bytes(_sort_outputs(converter.convert()))


def _sort_outputs(content: bytes) -> bytes:
    """Sort the outputs of a TFLite file by name, the main one first, as many read them by index.

    The converter leaves them in an order of its own.
    """
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    (signature,) = model.signatureDefs
    by_name = sorted(signature.outputs, key=lambda output: output.name)
    model.subgraphs[signature.subgraphIndex].outputs = [each.tensorIndex for each in by_name]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))
