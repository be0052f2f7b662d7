"""Write a Keras model as a SavedModel that needs neither Keras nor this package."""

import pathlib
from collections.abc import Callable, Iterable
from typing import TypeAlias

import keras
import tensorflow as tf

from keras_homography import geometry
from keras_homography.layers import expected_error, look_again
from keras_homography.layers.lucas_kanade import Refined
from keras_homography.saving import signatures

DOUBT = "h4pt_error"

Endpoint: TypeAlias = tuple[str, Callable[..., dict[str, tf.Tensor]], list[tf.TensorSpec]]


def write(model: keras.Model, folder: str | pathlib.Path) -> None:
    """Write a SavedModel.

    The signatures of a model of pairs are `serving_default(pairs)`, float32 `[n, size, size, 2]` in
    0..255 -> `h4pt` `[n, 4, 2]`, pixels, of a refined cascade `h4pt_error` `[n]`, the corner error
    that is to be expected, pixels, and of a classification network `probabilities`; and
    `align(image_a, image_b)`, two uint8 images `[height, width, 1 or 3]` of any size -> `h4pt`
    `[4, 2]` and perhaps `h4pt_error` `[]`, pixels of the network's patch, `a_from_b` and `b_from_a`
    `[3, 3]`, pixels of the images. A matcher's is `serving_default(image)`, float32
    `[n, height, width, 1]` in 0..255 -> `coarse`, `fine` and `reliability`: see
    `models.matcher.build`.

    Args:
      model: Float32 `keras.Model`, of pairs or a matcher.
      folder: To be created.
    """
    function = trace(model, None)
    endpoints = [serving_endpoint(function)]
    if signatures.of_model(model).aligns:
        endpoints.append(_align_endpoint(function))
    write_archive(model, folder, endpoints)


def trace(model: keras.Model, batch_size: int | None) -> tf.types.experimental.ConcreteFunction:
    """Trace a model once for all endpoints: tracing takes most of the time.

    A concrete function: saving would trace every other one a second time.

    Args:
      model: Float32 `keras.Model`, of pairs or a matcher.
      batch_size: Of its input; None for any.

    Returns:
      A function from its input to `{output: value}`, named as in its signature.
    """
    signature = signatures.of_model(model)
    inputs = tf.TensorSpec(
        [batch_size, *model.input_shape[1:]], tf.float32, name=signature.input_name
    )
    names = signature.output_names[: len(model.outputs)]
    doubted = _with_doubt(model)

    def run(inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        if doubted is not None:
            refined = Refined(*doubted(inputs, training=False))
            return {"h4pt": refined.h4pt, DOUBT: expected_error.expected_corner_error(refined)}
        return dict(zip(names, tf.nest.flatten(model(inputs, training=False)), strict=True))

    return tf.function(run, input_signature=[inputs], autograph=False).get_concrete_function()


def _with_doubt(model: keras.Model) -> keras.Model | None:
    """Return a model whose outputs are all of `Refined`; None if it knows nothing but `h4pt`."""
    layer = model.layers[-1]
    if isinstance(layer, look_again.LookAgain) and model.outputs[0] is layer.output[0]:
        return keras.Model(model.inputs, list(layer.output))
    return None


def serving_endpoint(function: tf.types.experimental.ConcreteFunction) -> Endpoint:
    """Return the endpoint that takes what the model takes."""
    return "serving_default", lambda inputs: function(inputs), [_input_spec(function)]


def _input_spec(function: tf.types.experimental.ConcreteFunction) -> tf.TensorSpec:
    (spec,), _ = function.structured_input_signature
    return spec


def write_archive(
    model: keras.Model, folder: str | pathlib.Path, endpoints: Iterable[Endpoint]
) -> None:
    """Write a SavedModel with the given signatures.

    Args:
      model: Whose weights it holds.
      folder: To be created.
      endpoints: `(name, function, input signature)` of each.
    """
    archive = keras.export.ExportArchive()
    archive.track(model)
    for name, function, signature in endpoints:
        archive.add_endpoint(name, function, input_signature=signature)
    archive.write_out(str(folder), verbose=False)


def _align_endpoint(function: tf.types.experimental.ConcreteFunction) -> Endpoint:
    """Return the endpoint that takes two images."""
    patch_size = _input_spec(function).shape[1]

    def align(image_a: tf.Tensor, image_b: tf.Tensor) -> dict[str, tf.Tensor]:
        patch_a, scale_a = _patch_from_image(image_a, patch_size)
        patch_b, scale_b = _patch_from_image(image_b, patch_size)
        pairs = tf.concat([patch_a, patch_b], axis=-1)[None]
        outputs = function(pairs)
        h4pt = outputs["h4pt"][0]
        a_from_b = geometry.matrix_from_h4pt(h4pt, patch_size)
        a_from_b = geometry.rescale(a_from_b, scale_a, scale_b)
        doubt = {DOUBT: outputs[DOUBT][0]} if DOUBT in outputs else {}
        return {
            "h4pt": h4pt,
            **doubt,
            "a_from_b": a_from_b,
            "b_from_a": geometry.invert(a_from_b),
        }

    images = [tf.TensorSpec([None, None, None], tf.uint8, f"image_{name}") for name in "ab"]
    return "align", align, images


def _patch_from_image(image: tf.Tensor, patch_size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Resize an image to a gray patch.

    Args:
      image: uint8 `[height, width, 1 or 3]`.
      patch_size: Side of the patch, in pixels.

    Returns:
      The patch, float32 `[patch_size, patch_size, 1]`, and the image's width and height over the
      patch's, float32 `[2]`.
    """
    channels = tf.shape(image)[-1]
    tf.debugging.assert_equal(
        (channels == 1) | (channels == 3),
        True,
        "An image must be [height, width, 1] (gray) or [height, width, 3] (RGB).",
    )
    values = tf.cast(image, tf.float32)
    gray = tf.cond(channels == 3, lambda: tf.image.rgb_to_grayscale(values), lambda: values)
    size = tf.cast(tf.reverse(tf.shape(image)[:2], [0]), tf.float32)  # width, height
    patch = tf.image.resize(
        tf.ensure_shape(gray, [None, None, 1]), [patch_size, patch_size], antialias=True
    )
    return patch, size / patch_size
