"""Pixels of two patches at one size: which are compared, and samples of A under a homography."""

import math

import numpy as np
import tensorflow as tf

from keras_homography.layers import split_and_concat

_NEAREST_DEPTH = 0.1  # of a point in front of the camera, in units
_VISIBLE_WITHIN = 1e-2  # pixels outside of A over which visibility falls to 0


def gray_and_gradients(patch: tf.Tensor) -> tf.Tensor:
    """Stack gray levels with central differences along x and y.

    As planes, since phones are slow at interleaved channels.

    Args:
      patch: float32 `[n, 1, size * size]`, gray levels.

    Returns:
      float32 `[n, 3, size * size]`; the gradient is 0 where a pixel lacks a neighbor.
    """
    pixels = patch.shape[2]
    size = math.isqrt(pixels)
    interior = np.pad(np.ones([size - 2, size - 2], np.float32), 1).reshape([1, 1, pixels])

    def difference(step: int) -> tf.Tensor:
        count = pixels - 2 * step
        before, after = (tf.slice(patch, [0, 0, at], [-1, 1, count]) for at in (0, 2 * step))
        return interior * tf.pad(0.5 * (after - before), [[0, 0], [0, 0], [step, step]])

    return tf.concat([patch, difference(1), difference(size)], axis=1)


def strongest_points(
    gradient_x: tf.Tensor, gradient_y: tf.Tensor, block: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Find the pixel with the strongest gradient of every block of pixels.

    Args:
      gradient_x: float32 `[n, 1, size * size]`, gray levels a pixel.
      gradient_y: the same along y.
      block: side of the blocks, in pixels.

    Returns:
      `(column, row)`, int32 `[n, blocks, blocks]` each.
    """
    size = math.isqrt(gradient_x.shape[2])
    strength = tf.reshape(tf.square(gradient_x) + tf.square(gradient_y), [-1, size, size, 1])
    best = tf.argmax(tf.nn.space_to_depth(strength, block), axis=-1, output_type=tf.int32)
    corner = block * np.arange(size // block, dtype=np.int32)
    return corner + best % block, corner[:, None] + best // block


class Level:
    """Two patches at one size, and the pixels of B that are compared.

    Coordinates are in units of half a patch about its center: a homography is the same in them at
    every size, and its elements are about 1. The outermost pixels have no gradient and never count.

    Attributes:
      half: half the side of the patches, in pixels.
      x: float32 `[n, 1, points]`, where the points of B lie, in units.
      y: the same along y.
      b: float32 `[n, 1, points]`, their gray levels.
      gradient_x: float32 `[n, 1, points]`, their gradient, in gray levels per half patch.
      gradient_y: the same along y.
    """

    def __init__(self, pairs: tf.Tensor, block: int) -> None:
        size = pairs.shape[1]
        self.half = size / 2.0
        patches = tf.transpose(tf.reshape(pairs, [-1, size * size, 2]), [0, 2, 1])
        planes_a, planes_b = (
            gray_and_gradients(patch) for patch in split_and_concat.split(patches)
        )
        _, gradient_x, gradient_y = split_and_concat.split(planes_b)
        column, row = strongest_points(gradient_x, gradient_y, block)
        points = (size // block) ** 2
        index = tf.reshape(row * size + column, [-1, points])
        self.b, gradient_x, gradient_y = split_and_concat.split(
            tf.gather(planes_b, index, axis=2, batch_dims=1)
        )
        self.gradient_x, self.gradient_y = gradient_x * self.half, gradient_y * self.half
        self.x, self.y = (
            tf.reshape(tf.cast(part, tf.float32), [-1, 1, points]) * (1.0 / self.half)
            + (0.5 / self.half - 1.0)
            for part in (column, row)
        )
        self._points = split_and_concat.join([self.x, self.y, tf.ones_like(self.x)])
        # The four neighbors that a bilinear sample of A needs, side by side: one gather reads them.
        offsets, count = (0, 1, size, size + 1), size * size - size - 1
        neighbors = split_and_concat.join(
            [tf.slice(planes_a, [0, 0, at], [-1, -1, count]) for at in offsets]
        )
        self._neighbors, self._size = tf.transpose(neighbors, [0, 2, 1]), size

    def sample(self, a_from_b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Sample A at the points of B under a homography, bilinearly.

        Args:
          a_from_b: float32 `[n, 3, 3]`, in units of half a patch.

        Returns:
          `(gray, gradient_x, gradient_y, visible)`, each float32 `[n, 1, points]`: the gradient is
          that of the warped A, in gray levels per half patch of B; `visible` is 1 where A contains
          the point, else 0.
        """
        u, v, depth = split_and_concat.split(tf.matmul(a_from_b, self._points))
        inverse_depth = 1.0 / tf.maximum(depth, _NEAREST_DEPTH)
        u, v = u * inverse_depth, v * inverse_depth
        column, row = (part * self.half + (self.half - 0.5) for part in (u, v))
        # Between pixels that have a gradient.
        first, last = 1.0, self._size - 2.0 - 1e-3
        inside_column = tf.clip_by_value(column, first, last)
        inside_row = tf.clip_by_value(row, first, last)
        distance = tf.abs(column - inside_column) + tf.abs(row - inside_row)
        visible = tf.nn.relu(1.0 - distance / _VISIBLE_WITHIN)
        gray, along_u, along_v = split_and_concat.split(self._bilinear(inside_column, inside_row))
        # The chain rule: how u and v change with x and y.
        elements = split_and_concat.split(tf.reshape(a_from_b, [-1, 9, 1]))
        along_u, along_v = along_u * inverse_depth * self.half, along_v * inverse_depth * self.half
        along_depth = u * along_u + v * along_v
        gradient_x, gradient_y = (
            along_u * elements[i] + along_v * elements[i + 3] - along_depth * elements[i + 6]
            for i in (0, 1)
        )
        return gray, gradient_x, gradient_y, visible

    def _bilinear(self, column: tf.Tensor, row: tf.Tensor) -> tf.Tensor:
        """Sample gray level and gradients of A, `[n, 3, points]`, at pixels `[n, 1, points]`."""
        left, top = tf.floor(column), tf.floor(row)
        index = tf.cast(tf.reshape(top * self._size + left, [-1, self._points.shape[2]]), tf.int32)
        # NaN, where the equations had no solution, is cast to anything, and TFLite stops at that.
        index = tf.clip_by_value(index, 0, self._neighbors.shape[1] - 1)
        neighbors = tf.gather(self._neighbors, index, batch_dims=1)
        top_left, top_right, bottom_left, bottom_right = tf.split(
            tf.transpose(neighbors, [0, 2, 1]), 4, axis=1
        )
        x, y = column - left, row - top
        upper = top_left + x * (top_right - top_left)
        lower = bottom_left + x * (bottom_right - bottom_left)
        return upper + y * (lower - upper)
