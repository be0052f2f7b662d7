"""Matcher: dense features that are the same in two images of a scene, whatever took them.

A fully convolutional network, applied to each image alone. A cell of image A matches the cell of
image B with which the dot product of their coarse features is highest; fine features then place
the match within the cell.
"""

import keras

from keras_homography.models import matcher_grid
from keras_homography.utils.errors import UserError

# Squared length of the features at initialization: the largest dot product, which is a logit.
_INITIAL_LOGIT = 12.0


def _convolution(
    x: keras.KerasTensor, filters: int, name: str, strides: int = 1
) -> keras.KerasTensor:
    """Build a 3x3 convolution with batch normalization and ReLU."""
    x = keras.layers.Conv2D(filters, 3, strides=strides, padding="same", use_bias=False, name=name)(
        x
    )
    x = keras.layers.BatchNormalization(momentum=0.97, name=f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _double(x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
    """Build an upsampling by 2.

    Not bilinear: `UpSampling2D(interpolation="bilinear")` needs to know the size of the image.
    """
    return keras.layers.Conv2DTranspose(filters, 2, strides=2, use_bias=False, name=name)(x)


def _features(x: keras.KerasTensor, channels: int, name: str) -> keras.KerasTensor:
    """Build features whose dot products are logits: of a fixed length, but for learned gains."""
    # In float32 under mixed precision too: a softmax over all cells compares the dot products.
    x = keras.layers.Conv2D(channels, 1, dtype="float32", name=f"{name}_projection")(x)
    x = keras.layers.RMSNormalization(dtype="float32", name=f"{name}_norm")(x)
    scale = (_INITIAL_LOGIT / channels) ** 0.5
    return keras.layers.Rescaling(scale, dtype="float32", name=name)(x)


def build(width: float = 1.0) -> keras.Model:
    """Build the matcher.

    Args:
      width: factor on the number of channels of every hidden layer.

    Returns:
      A functional `keras.Model` of built-in layers: float32 `[n, height, width, 1]`, gray levels in
      0..255, both sides multiples of 32 -> a dict of

      - `coarse`, float32 `[n, height / 8, width / 8, 64]`: the dot product of the features of a
        cell of A and a cell of B is the logit of their match.
      - `fine`, float32 `[n, height / 4, width / 4, 32]`: the same for positions within a cell.
      - `reliability`, float32 `[n, height / 8, width / 8, 1]`: the probability that the most
        similar cell of another image of the scene is the right one.

    Raises:
      UserError: `width` is not positive.
    """
    if not width > 0:
        raise UserError(f"width must be above 0; got {width}.")

    def channels(full: int) -> int:
        return max(8, round(full * width))

    image = keras.Input((None, None, 1), dtype="float32", name="image")

    # Brightness and contrast of the whole image.
    x = image - keras.ops.mean(image, axis=(1, 2), keepdims=True)
    variance = keras.ops.mean(keras.ops.square(x), axis=(1, 2), keepdims=True)
    x = x / keras.ops.sqrt(variance + 1.0)

    x = _convolution(x, channels(16), "conv2", strides=2)
    x = _convolution(x, channels(32), "conv4a", strides=2)
    quarter = _convolution(x, channels(32), "conv4b")
    x = _convolution(quarter, channels(64), "conv8a", strides=2)
    eighth = _convolution(x, channels(64), "conv8b")
    x = _convolution(eighth, channels(128), "conv16a", strides=2)
    sixteenth = _convolution(x, channels(128), "conv16b")

    # Context: what the surroundings are tells repeated structures apart.
    x = _convolution(sixteenth, channels(128), "conv32a", strides=2)
    x = _convolution(x, channels(128), "conv32b")
    x = keras.layers.Add(name="add16")([sixteenth, _double(x, channels(128), "up16")])
    x = keras.layers.ReLU(name="relu16")(x)
    x = keras.layers.Add(name="add8")([eighth, _double(x, channels(64), "up8")])
    x = _convolution(x, channels(64), "conv8c")

    coarse = _features(x, matcher_grid.COARSE_CHANNELS, "coarse")
    logit = keras.layers.Conv2D(1, 1, dtype="float32", name="reliability_logit")(x)
    reliability = keras.layers.Activation("sigmoid", dtype="float32", name="reliability")(logit)

    x = keras.layers.Add(name="add4")([quarter, _double(x, channels(32), "up4")])
    x = keras.layers.ReLU(name="relu4")(x)
    # Smooths what the doubling leaves different from column to column, at a tenth of the cost of a
    # full convolution.
    x = keras.layers.SeparableConv2D(
        channels(32), 3, padding="same", activation="relu", name="conv4c"
    )(x)
    fine = _features(x, matcher_grid.FINE_CHANNELS, "fine")

    outputs = {"coarse": coarse, "fine": fine, "reliability": reliability}
    return keras.Model(image, outputs, name="matcher")
