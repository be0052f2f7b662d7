"""Run a function eagerly, inside `tf.data`, and as a TFLite file."""

import numpy as np
import tensorflow as tf
from ai_edge_litert import interpreter as litert


def eager_and_in_tf_data(function, *arguments):
    """Run a function eagerly and inside `tf.data`; return both results as nested NumPy arrays."""
    eager = function(*arguments)
    dataset = tf.data.Dataset.from_tensors(arguments).map(function)
    in_graph = next(iter(dataset))
    return tf.nest.map_structure(np.asarray, eager), tf.nest.map_structure(np.asarray, in_graph)


def in_tflite(function, *arguments):
    """Convert a function to built-in TFLite operators, and return what it computes."""
    specifications = [tf.TensorSpec(argument.shape, argument.dtype) for argument in arguments]
    concrete = tf.function(function, input_signature=specifications).get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    interpreter = litert.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    for detail, argument in zip(interpreter.get_input_details(), arguments, strict=True):
        interpreter.set_tensor(detail["index"], argument)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
