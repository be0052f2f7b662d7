"""JPEG and PNG files -> gray photos of one size, in the graph."""

import tensorflow as tf

# By how much libjpeg shrinks while it decodes: in the frequency domain, so without aliasing.
_RATIOS = (1, 2, 4, 8)


def _gray(photo):
    return tf.ensure_shape(photo, [None, None, 1])


def _check_side(height, width, min_side):
    reason = tf.strings.format("{}x{} is below {} pixels", (width, height, min_side))
    check = tf.debugging.Assert(tf.minimum(height, width) >= min_side, [reason])
    with tf.control_dependencies([] if check is None else [check]):  # None: done, eagerly
        return tf.identity(height), tf.identity(width)


def decode(encoded, height, width, min_side=1):
    """A file as a gray photo of the given size, stretched to it.

    Resampled as `cv2.resize` does with INTER_AREA: by area where both sides shrink, else bilinear.

    Args:
      encoded: string scalar, the bytes of a JPEG or PNG file.
      height: of the result, in pixels.
      width: of the result, in pixels.
      min_side: of the photo in the file, in pixels.

    Returns:
      uint8 `[height, width, 1]`.

    Raises:
      tf.errors.InvalidArgumentError: the file cannot be read, or its photo is too small.
    """
    photo = _gray(tf.io.decode_image(encoded, channels=1, expand_animations=False))
    photo = tf.cast(photo, tf.float32)[None]
    shape = tf.shape(photo)
    stored_height, stored_width = _check_side(shape[1], shape[2], min_side)
    resized = tf.cond(
        (stored_height >= height) & (stored_width >= width),
        lambda: tf.image.resize(photo, [height, width], "area"),
        lambda: tf.image.resize(photo, [height, width], "bilinear"),
    )
    return tf.cast(tf.round(resized[0]), tf.uint8)


def decode_reduced(encoded, height, width, min_side=1):
    """A JPEG file decoded at the size next to the one needed, of those that cost nothing: uint8
    `[any, any, 1]`. See `decode`."""
    shape = tf.io.extract_jpeg_shape(encoded)
    stored_height, stored_width = _check_side(shape[0], shape[1], min_side)
    shrinkage = tf.cast(stored_height * stored_width, tf.float32) / float(height * width)
    # The power of two next to the shrinkage of a side: what is left to `resize` is less than the
    # square root of two, for which bilinear interpolation needs no smoothing.
    power = tf.cast(tf.round(tf.math.log(tf.sqrt(shrinkage)) / tf.math.log(2.0)), tf.int32)
    return tf.switch_case(
        tf.clip_by_value(power, 0, len(_RATIOS) - 1),
        [
            lambda ratio=ratio: _gray(
                tf.io.decode_jpeg(encoded, 1, ratio=ratio, dct_method="INTEGER_ACCURATE")
            )
            for ratio in _RATIOS
        ],
    )


def decode_quickly(encoded, height, width, min_side=1):
    """`decode` for photos that are decoded every time they are read: a JPEG file is decoded at the
    size next to the one needed, which costs a third less. See `decode`."""

    def decode_jpeg():
        photo = decode_reduced(encoded, height, width, min_side)
        resized = tf.compat.v1.image.resize_bilinear(
            photo[None], [height, width], half_pixel_centers=True
        )
        return tf.cast(resized[0] + 0.5, tf.uint8)

    return tf.cond(
        tf.io.is_jpeg(encoded),
        decode_jpeg,
        lambda: decode(encoded, height, width, min_side),
    )
