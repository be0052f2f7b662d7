"""Decode JPEG and PNG files to gray or color images of one size, in the graph."""

import tensorflow as tf

from keras_homography.utils import image_input

# Suffixes of the files that TensorFlow decodes.
SUFFIXES = (*image_input.JPEG_SUFFIXES, ".png")
# By how much libjpeg shrinks while it decodes: in the frequency domain, so without aliasing.
_RATIOS = (1, 2, 4, 8)


def _check_side(height: tf.Tensor, width: tf.Tensor, min_side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the sizes once they are checked, in the graph too."""
    reason = tf.strings.format("{}x{} is below {} pixels", (width, height, min_side))
    check = tf.debugging.Assert(tf.minimum(height, width) >= min_side, [reason])
    with tf.control_dependencies([] if check is None else [check]):  # None: done, eagerly
        return tf.identity(height), tf.identity(width)


def decode(
    encoded: tf.Tensor, height: int, width: int, min_side: int = 1, channels: int = 1
) -> tf.Tensor:
    """Decode a file and resize the image, whatever its aspect ratio.

    It is resampled as by `cv2.resize` with INTER_AREA: by area where both sides shrink, else
    bilinear.

    Args:
      encoded: string scalar, the bytes of a JPEG or PNG file.
      height: of the result, in pixels.
      width: of the result, in pixels.
      min_side: smallest side of the image in the file, in pixels.
      channels: 1 for gray levels, 3 for RGB.

    Returns:
      Uint8 `[height, width, channels]`.

    Raises:
      tf.errors.InvalidArgumentError: the file cannot be decoded, or its image is too small.
    """
    image = tf.io.decode_image(encoded, channels=channels, expand_animations=False)
    image = tf.cast(tf.ensure_shape(image, [None, None, channels]), tf.float32)[None]
    shape = tf.shape(image)
    stored_height, stored_width = _check_side(shape[1], shape[2], min_side)
    resized = tf.cond(
        (stored_height >= height) & (stored_width >= width),
        lambda: tf.image.resize(image, [height, width], "area"),
        lambda: tf.image.resize(image, [height, width], "bilinear"),
    )
    return tf.cast(tf.round(resized[0]), tf.uint8)


def decode_reduced(
    encoded: tf.Tensor, height: int, width: int, min_side: int = 1, channels: int = 1
) -> tf.Tensor:
    """Decode a JPEG file at that of libjpeg's reduced sizes that is nearest to a size.

    Args:
      encoded: string scalar, the bytes of a JPEG file.
      height: that is needed, in pixels.
      width: that is needed, in pixels.
      min_side: smallest side of the image in the file, in pixels.
      channels: 1 for gray levels, 3 for RGB.

    Returns:
      Uint8 `[any, any, channels]`.

    Raises:
      tf.errors.InvalidArgumentError: the file cannot be decoded, or its image is too small.
    """
    shape = tf.io.extract_jpeg_shape(encoded)
    stored_height, stored_width = _check_side(shape[0], shape[1], min_side)
    shrinkage = tf.cast(stored_height * stored_width, tf.float32) / float(height * width)
    # The power of two next to the shrinkage of a side: what is left to `resize` is less than the
    # square root of two, for which bilinear interpolation needs no smoothing.
    power = tf.cast(tf.round(tf.math.log(tf.sqrt(shrinkage)) / tf.math.log(2.0)), tf.int32)
    return tf.switch_case(
        tf.clip_by_value(power, 0, len(_RATIOS) - 1),
        [
            lambda ratio=ratio: tf.ensure_shape(
                tf.io.decode_jpeg(encoded, channels, ratio=ratio, dct_method="INTEGER_ACCURATE"),
                [None, None, channels],
            )
            for ratio in _RATIOS
        ],
    )


def decode_quickly(
    encoded: tf.Tensor, height: int, width: int, min_side: int = 1, channels: int = 1
) -> tf.Tensor:
    """Decode a file that is decoded every time it is read: `decode` at two thirds of its cost.

    JPEG files are decoded at a reduced size and resized bilinearly from there, which differs from
    `decode` by less than two gray levels on average; other files are decoded by `decode`.

    Args:
      encoded: string scalar, the bytes of a JPEG or PNG file.
      height: of the result, in pixels.
      width: of the result, in pixels.
      min_side: smallest side of the image in the file, in pixels.
      channels: 1 for gray levels, 3 for RGB.

    Returns:
      Uint8 `[height, width, channels]`.

    Raises:
      tf.errors.InvalidArgumentError: the file cannot be decoded, or its image is too small.
    """

    def decode_jpeg() -> tf.Tensor:
        image = decode_reduced(encoded, height, width, min_side, channels)
        resized = tf.image.resize(image[None], [height, width], "bilinear")
        return tf.cast(resized[0] + 0.5, tf.uint8)

    return tf.cond(
        tf.io.is_jpeg(encoded),
        decode_jpeg,
        lambda: decode(encoded, height, width, min_side, channels),
    )
