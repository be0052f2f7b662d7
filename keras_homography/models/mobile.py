"""A light regression network of separable convolutions, after MobileNet (Howard et al. 2017)."""

import keras

from keras_homography.models import homographynet

# Channels and stride of the separable convolutions, after a first one of 32 channels, stride 2.
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (384, 2), (384, 1))


def build(
    patch_size: int = 128, rho: float = 32, width: float = 1.0, dropout: float = 0.0
) -> keras.Model:
    """Build a network for HomographyNet's task at a fifteenth of its multiplications.

    Depthwise and pointwise convolutions, each followed by batch normalization and ReLU6, down to a
    sixteenth of the patch. Position is what counts here, so instead of MobileNet's average
    over the image a pointwise convolution leaves 32 channels for the dense layer.

    Args:
      patch_size: side of the patches, in pixels, a multiple of 8.
      rho: the offset, in pixels, that the head's output of 1 stands for.
      width: factor on the number of channels of every hidden layer.
      dropout: share of activations dropped before the head.

    Returns:
      A functional `keras.Model` of built-in layers: float32 `[n, patch_size, patch_size, 2]`, gray
      levels in 0..255, channel 0 patch A and channel 1 patch B -> `h4pt`, float32 `[n, 4, 2]`,
      pixels.

    Raises:
      UserError: an option is out of its range.
    """
    homographynet.check_options(patch_size, width, dropout)

    def channels(full: int) -> int:
        return max(8, 8 * round(full * width / 8))

    def normalized(x: keras.KerasTensor, layer: keras.layers.Layer, name: str) -> keras.KerasTensor:
        x = layer(x)
        x = keras.layers.BatchNormalization(name=f"{name}_norm")(x)
        return keras.layers.ReLU(6.0, name=f"{name}_relu")(x)

    def convolution(full: int, size: int, strides: int, name: str) -> keras.layers.Layer:
        return keras.layers.Conv2D(
            channels(full), size, strides, padding="same", use_bias=False, name=name
        )

    pairs = keras.Input((patch_size, patch_size, 2), dtype="float32", name="pairs")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scale_gray_levels")(pairs)
    x = normalized(x, convolution(32, 3, 2, "first"), "first")
    for number, (full, strides) in enumerate(_BLOCKS, start=1):
        depthwise = keras.layers.DepthwiseConv2D(
            3, strides, padding="same", use_bias=False, name=f"depthwise{number}"
        )
        x = normalized(x, depthwise, f"depthwise{number}")
        x = normalized(x, convolution(full, 1, 1, f"pointwise{number}"), f"pointwise{number}")
    x = normalized(x, convolution(32, 1, 1, "narrow"), "narrow")
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dense(channels(256), activation="relu", name="dense")(x)
    x = keras.layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(pairs, homographynet.offsets_head(x, rho), name="mobile")
