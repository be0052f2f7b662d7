"""Writes, reads back and compares what a trained model becomes: .keras, SavedModel, TFLite."""

import functools
import tempfile
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert import interpreter as litert

from keras_homography import geometry
from keras_homography.saving import loading

# Of a model's outputs, in their order. TFLite orders them by name: the main one must come first.
OUTPUTS = ("h4pt", "probabilities")


def _as_patch(image, patch_size):
    """An image uint8 `[height, width, 1 or 3]` as a gray patch, and what it was scaled by."""
    channels = tf.shape(image)[-1]
    tf.debugging.assert_equal(
        (channels == 1) | (channels == 3),
        True,
        "An image must be [height, width, 1] (gray) or [height, width, 3] (RGB).",
    )
    image = tf.cast(image, tf.float32)
    weights = tf.cond(
        channels == 3, lambda: tf.constant([0.299, 0.587, 0.114]), lambda: tf.ones([1])
    )
    gray = tf.reduce_sum(image * weights, axis=-1, keepdims=True)
    size = tf.cast(tf.shape(image)[1::-1], tf.float32)
    patch = tf.image.resize(gray, [patch_size, patch_size], antialias=True)
    return patch, size / patch_size


def _archive(model, folder, endpoints):
    """Writes a SavedModel with `endpoints`, `[(name, function, input signature)]`."""
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, function, signature in endpoints:
        archive.add_endpoint(name, function, input_signature=signature)
    archive.write_out(str(folder), verbose=False)


def _as_function(model, batch_size):
    """Pairs -> `{output: value}`, traced once however many endpoints call it: that takes most of
    the time."""
    pairs = tf.TensorSpec([batch_size, *model.input_shape[1:]], tf.float32, "pairs")
    names = OUTPUTS[: len(model.outputs)]
    return tf.function(
        lambda pairs: dict(zip(names, tf.nest.flatten(model(pairs, training=False)), strict=True)),
        input_signature=[pairs],
        autograph=False,
    )


def _serving(function):
    """The endpoint that takes stacked patches: see `write_saved_model`."""
    return "serving_default", function, function.input_signature


def _alignment(function):
    """The endpoint that takes two images: see `write_saved_model`."""
    patch_size = function.input_signature[0].shape[1]

    def align(image_a, image_b):
        patch_a, scale_a = _as_patch(image_a, patch_size)
        patch_b, scale_b = _as_patch(image_b, patch_size)
        pairs = tf.concat([patch_a, patch_b], axis=-1)[None]
        h4pt = function(pairs)["h4pt"][0]
        a_from_b = geometry.matrix_from_h4pt(h4pt, patch_size)
        a_from_b = geometry.rescale(a_from_b, scale_a, scale_b)
        return {"h4pt": h4pt, "a_from_b": a_from_b, "b_from_a": geometry.invert(a_from_b)}

    images = [tf.TensorSpec([None, None, None], tf.uint8, f"image_{x}") for x in "ab"]
    return "align", align, images


def write_saved_model(model, folder):
    """Writes a SavedModel that needs neither Keras nor this package.

    Signatures: `serving_default(pairs)`, float32 `[n, size, size, 2]` in 0..255 -> `h4pt`
    `[n, 4, 2]`, pixels, and of a model that has them `probabilities`; `align(image_a, image_b)`,
    two uint8 images `[height, width, 1 or 3]` of any size -> `h4pt` `[4, 2]`, pixels of the
    network's patch, and `a_from_b` and `b_from_a` `[3, 3]`, pixels of the images.
    """
    function = _as_function(model, None)
    _archive(model, folder, [_serving(function), _alignment(function)])


def write_tflite(model, path, precision="float32"):
    """Writes a TFLite file: one pair in, `h4pt` out and what else the model gives, built-in
    operators only.

    Args:
      model: float32 `keras.Model` of pairs.
      path: of the file.
      precision: of the weights: "float32", "float16" or "int8" (dynamic range: activations are
        quantized as they come). Input and output stay float32.
    """
    with tempfile.TemporaryDirectory() as folder:
        _archive(model, folder, [_serving(_as_function(model, 1))])
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        path.write_bytes(converter.convert())


def _read_keras(path):
    model = loading.load_model(path, trust=True)  # we have just written it
    return lambda pairs: loading.predict_h4pt(model, pairs)


def _read_saved_model(folder):
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    return lambda pairs: serve(pairs=tf.constant(pairs))["h4pt"].numpy()


def _read_tflite(path):
    runner = litert.Interpreter(str(path)).get_signature_runner()
    return lambda pairs: np.concatenate([runner(pairs=pair[None])["h4pt"] for pair in pairs])


FORMATS: dict[str, tuple[Callable[..., None], Callable]] = {
    "model.keras": (lambda model, path: model.save(path), _read_keras),
    "saved_model": (write_saved_model, _read_saved_model),
    "model.tflite": (write_tflite, _read_tflite),
    "model_float16.tflite": (functools.partial(write_tflite, precision="float16"), _read_tflite),
    "model_int8.tflite": (functools.partial(write_tflite, precision="int8"), _read_tflite),
}
NAMES = tuple(FORMATS)
