"""Cut patches out of images of any size, in the graph: where, and without aliasing."""

import math

import tensorflow as tf

from keras_homography import geometry

_MIN_SCALE = 0.6  # pixels of the image per pixel of the patch
_MAX_REDUCTIONS = 3  # by 2, before an image is sampled: against aliasing


def sample_crop(
    seed: tf.Tensor,
    height: int | tf.Tensor,
    width: int | tf.Tensor,
    size: int,
    *,
    min_scale: float = _MIN_SCALE,
    margin: int = 0,
) -> tf.Tensor:
    """Draw where a patch lies in an image: enlarged or reduced, and half of the time mirrored.

    Args:
      seed: int64 `[2]`.
      height: of the image, in pixels.
      width: of the image, in pixels.
      size: side of the patch, in pixels.
      min_scale: of the patch, in pixels of the image per pixel; less where the image is small.
      margin: between the patch and every edge of the image, in pixels of the patch.

    Returns:
      `image_from_patch`, float32 `[3, 3]`, pixels.
    """
    draws = tf.unstack(tf.random.stateless_uniform([4], seed))
    sides = tf.cast(tf.stack([width, height]), tf.float32)
    largest = tf.reduce_min(sides) / (size + 2.0 * margin)
    smallest = tf.minimum(min_scale, largest)
    scale = smallest + (largest - smallest) * draws[0]
    mirrored = tf.where(draws[1] < 0.5, -1.0, 1.0)
    limits = sides - scale * (size + 2.0 * margin)
    top_left = scale * margin + tf.maximum(limits, 0.0) * tf.stack(draws[2:4])
    x = tf.where(mirrored < 0.0, top_left[0] + scale * size - 1.0, top_left[0])
    return tf.stack(
        [
            tf.stack([scale * mirrored, 0.0, x]),
            tf.stack([0.0, scale, top_left[1]]),
            tf.constant([0.0, 0.0, 1.0]),
        ]
    )


@tf.function(autograph=False)  # traced once a size, not for either patch of every pipeline
def cut(
    image: tf.Tensor, image_from_patch: tf.Tensor, size: int, is_filled: tf.Tensor
) -> tf.Tensor:
    """Cut a patch out of an image, reduced first where many of its pixels fall on one.

    Args:
      image: uint8 `[height, width, channels]`; of the sizes, only that of channels must be known.
      image_from_patch: float32 `[3, 3]`, pixels.
      size: side of the patch, in pixels.
      is_filled: whether black surrounds the image; else its mirror image.

    Returns:
      float32 `[size, size, channels]`.
    """
    middle = size / 2.0
    points = tf.constant([[middle, middle], [middle + 1, middle], [middle, middle + 1]], tf.float32)
    origin, x, y = tf.unstack(geometry.transform_points(image_from_patch, points))
    area = tf.abs((x[0] - origin[0]) * (y[1] - origin[1]) - (x[1] - origin[1]) * (y[0] - origin[0]))
    octaves = 0.5 * tf.math.log(tf.maximum(area, 1e-3)) / math.log(2.0)
    reductions = tf.clip_by_value(tf.cast(tf.round(octaves), tf.int32), 0, _MAX_REDUCTIONS)

    def cut_level(reduction: int) -> tf.Tensor:
        level = tf.cast(image, tf.float32)[None]
        if reduction:
            level = tf.nn.avg_pool2d(level, 2**reduction, 2**reduction, "VALID")
        level_from_image = geometry.resizing([0.5**reduction] * 2)
        transform = tf.reshape(geometry.compose(level_from_image, image_from_patch), [9])

        def sample(fill_mode: str) -> tf.Tensor:
            return tf.raw_ops.ImageProjectiveTransformV3(
                images=level,
                transforms=(transform / transform[8])[None, :8],
                output_shape=[size, size],
                fill_value=0.0,
                interpolation="BILINEAR",
                fill_mode=fill_mode,
            )[0]

        return tf.cond(is_filled, lambda: sample("CONSTANT"), lambda: sample("REFLECT"))

    levels = [lambda reduction=reduction: cut_level(reduction) for reduction in range(4)]
    return tf.ensure_shape(tf.switch_case(reductions, levels), [size, size, image.shape[-1]])
