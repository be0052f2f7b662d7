"""HomographyNet, regression: DeTone, Malisiewicz, Rabinovich 2016, section 4 and figure 1."""

import keras

from keras_homography.utils.errors import UserError


def check_options(patch_size: int, width: float, dropout: float, reduction: int = 1) -> None:
    """Check the options that the networks with HomographyNet's head share.

    Args:
      patch_size: side of the patches, in pixels.
      width: factor on the number of channels.
      dropout: share of activations dropped.
      reduction: factor by which the patches are reduced first.

    Raises:
      UserError: an option is out of its range.
    """
    if reduction < 1 or reduction != int(reduction):
        raise UserError(f"reduction must be a whole number of at least 1; got {reduction}.")
    multiple = 8 * int(reduction)
    if patch_size < multiple or patch_size % multiple:
        raise UserError(
            f"patch_size must be a multiple of {multiple} for HomographyNet with a reduction of "
            f"{reduction}; got {patch_size}."
        )
    if not width > 0:
        raise UserError(f"width must be above 0; got {width}.")
    if not 0 <= dropout < 1:
        raise UserError(f"dropout must be at least 0 and below 1; got {dropout}.")


def body(
    pairs: keras.KerasTensor, width: float, dropout: float, reduction: int
) -> keras.KerasTensor:
    """Build the body that the regression and the classification network share.

    Args:
      pairs: `keras.KerasTensor`, float32 `[n, patch_size, patch_size, 2]`, gray levels in 0..255.
      width: factor on the number of channels of every hidden layer.
      dropout: share of activations dropped, both times.
      reduction: factor by which the patches are reduced first.

    Returns:
      `keras.KerasTensor`, `[n, 1024 * width]`.
    """

    def channels(full: int) -> int:
        return max(4, round(full * width))

    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="scale_gray_levels")(pairs)
    if reduction > 1:
        x = keras.layers.AveragePooling2D(int(reduction), name="reduce")(x)

    for number, full in enumerate((64, 64, 64, 64, 128, 128, 128, 128), start=1):
        x = keras.layers.Conv2D(
            channels(full), 3, padding="same", activation="relu", name=f"conv{number}"
        )(x)
        x = keras.layers.BatchNormalization(name=f"norm{number}")(x)
        if number in (2, 4, 6):
            x = keras.layers.MaxPooling2D(name=f"pool{number // 2}")(x)

    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dropout(dropout, name="dropout1")(x)
    x = keras.layers.Dense(channels(1024), activation="relu", name="dense")(x)
    return keras.layers.Dropout(dropout, name="dropout2")(x)


def offsets_head(x: keras.KerasTensor, rho: float) -> keras.KerasTensor:
    """Build the head of a regression network: eight linear outputs.

    Args:
      x: `keras.KerasTensor`, `[n, channels]`.
      rho: the offset, in pixels, that an output of 1 stands for.

    Returns:
      `h4pt`, `keras.KerasTensor`, float32 `[n, 4, 2]`, pixels; zero at first.
    """
    # In float32 under mixed precision too: bfloat16 has steps of a quarter of a pixel.
    x = keras.layers.Dense(8, kernel_initializer="zeros", dtype="float32", name="offsets")(x)
    x = keras.layers.Rescaling(float(rho), dtype="float32", name="scale_to_pixels")(x)
    return keras.layers.Reshape((4, 2), dtype="float32", name="h4pt")(x)


def build(
    patch_size: int = 128,
    rho: float = 32,
    width: float = 1.0,
    dropout: float = 0.5,
    reduction: int = 1,
) -> keras.Model:
    """Build the regression network of the paper.

    Eight 3x3 convolutions, each followed by ReLU and batch normalization, a 2x2 max-pooling after
    every two; a dense layer of 1,024; eight linear outputs. Dropout after the last convolution and
    after the dense layer. 34.2 million parameters at width 1. Ours: the gray levels are
    scaled in front and the outputs behind, so that both are in the caller's units.

    Args:
      patch_size: side of the patches, in pixels, a multiple of 8.
      rho: the offset, in pixels, that the head's output of 1 stands for.
      width: factor on the number of channels of every hidden layer.
      dropout: share of activations dropped, both times.
      reduction: the patches are averaged over blocks of this side first; 2 makes the network
        about four times as fast, as the paper reduces patches of 256 pixels to 128.

    Returns:
      A functional `keras.Model` of built-in layers: float32 `[n, patch_size, patch_size, 2]`,
      gray levels in 0..255, channel 0 patch A and channel 1 patch B -> `h4pt`, float32
      `[n, 4, 2]`, pixels.

    Raises:
      UserError: `patch_size` is not a multiple of 8 times `reduction`, `width` is not positive,
        `dropout` is not in [0, 1), or `reduction` is not a whole number of at least 1.
    """
    check_options(patch_size, width, dropout, reduction)
    pairs = keras.Input((patch_size, patch_size, 2), dtype="float32", name="pairs")
    h4pt = offsets_head(body(pairs, width, dropout, reduction), rho)
    return keras.Model(pairs, h4pt, name="homographynet")
