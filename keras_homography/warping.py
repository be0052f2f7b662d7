"""Sampling images through homographies.

`sample` and `warp` are differentiable in the coordinates and the matrix, and convert to TFLite.
`warp_fast` is TensorFlow's compiled kernel: some ten times faster on a CPU, the same pixels, but
no gradient for the matrix and no TFLite. Pairs are cut with it.
"""

import tensorflow as tf

from keras_homography import geometry


def pixel_grid(height, width):
    """The centre of every pixel, float32 `[height, width, 2]`, as `(x, y)`."""
    x, y = tf.meshgrid(tf.range(width), tf.range(height))
    return tf.cast(tf.stack([x, y], axis=-1), tf.float32)


def sample(images, points):
    """Bilinear interpolation; outside an image its nearest edge pixel continues.

    Args:
      images: float32 `[n, height, width, c]`.
      points: float32 `[n, m, 2]`, pixels of the images. Values that are not finite are read at
        the edge.

    Returns:
      float32 `[n, m, c]`; differentiable in `images` and `points`.
    """
    shape = tf.shape(images)
    height, width, channels = shape[1], shape[2], shape[3]
    limit = tf.cast(tf.stack([width - 1, height - 1]), tf.float32)
    points = tf.clip_by_value(points, 0.0, limit)
    top_left = tf.clip_by_value(tf.floor(points), 0.0, tf.maximum(limit - 1.0, 0.0))
    fraction = points - top_left
    left, top = tf.cast(top_left[..., 0], tf.int32), tf.cast(top_left[..., 1], tf.int32)
    right, bottom = tf.minimum(left + 1, width - 1), tf.minimum(top + 1, height - 1)
    flat = tf.reshape(images, [shape[0], height * width, channels])

    def pixels(y, x):
        return tf.gather(flat, y * width + x, batch_dims=1)

    fraction_x, fraction_y = fraction[..., :1], fraction[..., 1:]
    above = pixels(top, left) * (1.0 - fraction_x) + pixels(top, right) * fraction_x
    below = pixels(bottom, left) * (1.0 - fraction_x) + pixels(bottom, right) * fraction_x
    return above * (1.0 - fraction_y) + below * fraction_y


def inside(points, height, width):
    """Whether points `[..., 2]` lie on an image, between the centres of its outermost pixels.

    Returns:
      bool `[...]`.
    """
    limit = tf.cast(tf.stack([width - 1, height - 1]), tf.float32)
    return tf.reduce_all((points >= 0.0) & (points <= limit), axis=-1)


def warp(images_a, a_from_b, height, width):
    """Image B as A shows it: `B(x) = A(a_from_b · x)`, bilinear, differentiable in both.

    Args:
      images_a: float32 `[n, height_a, width_a, c]`.
      a_from_b: float32 `[n, 3, 3]`.
      height: of B, in pixels.
      width: of B, in pixels.

    Returns:
      float32 `[n, height, width, c]`. What A does not show is continued from its edge; `inside`
      of the transformed `pixel_grid` says where that is.
    """
    grid = tf.reshape(pixel_grid(height, width), [1, height * width, 2])
    pixels = sample(images_a, geometry.transform_points(a_from_b, grid))
    return tf.reshape(pixels, [tf.shape(images_a)[0], height, width, tf.shape(images_a)[3]])


def warp_fast(images_a, a_from_b, height, width):
    """`warp` by TensorFlow's kernel: no gradient for `a_from_b`, no TFLite.

    Args:
      images_a: uint8 or float32 `[n, height_a, width_a, c]`.
      a_from_b: float32 `[n, 3, 3]`, last element 1.
      height: of B, in pixels.
      width: of B, in pixels.

    Returns:
      float32 `[n, height, width, c]`.
    """
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(images_a, tf.float32),
        transforms=tf.reshape(a_from_b, [-1, 9])[:, :8],
        output_shape=[height, width],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
