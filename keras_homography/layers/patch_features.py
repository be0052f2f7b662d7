"""Keras layers that standardize patches and sample features."""

from typing import Any

import keras
import tensorflow as tf

from keras_homography.layers import cell_grid


@keras.saving.register_keras_serializable("keras_homography")
class StandardizePatches(keras.layers.Layer):
    """Standardize both patches of a pair to mean 0 and standard deviation 1.

    A smaller deviation where there is next to no texture, so that noise is not amplified. Input:
    `[n, size, size, 2]`, gray levels. Output: a list of two patches, `[n, size, size, 1]`.
    """

    def call(self, pairs: tf.Tensor) -> list[tf.Tensor]:
        """Standardize the patches: see the class."""
        size = pairs.shape[1]
        # Channels first: TFLite is slow at means over the middle of a tensor.
        patches = tf.transpose(tf.reshape(pairs, [-1, size * size, 2]), [0, 2, 1])
        centered = patches - tf.reduce_mean(patches, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centered), axis=-1, keepdims=True)
        standard = tf.split(centered * tf.math.rsqrt(variance + 25.0), 2, axis=1)
        return [tf.reshape(patch, [-1, size, size, 1]) for patch in standard]


@keras.saving.register_keras_serializable("keras_homography")
class UnitFeatures(keras.layers.Layer):
    """Scale every feature vector, the last axis, to length 4, so that products are like cosines."""

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """Scale the features: see the class."""
        x = tf.cast(features, tf.float32)
        square = tf.reduce_mean(tf.square(x), axis=-1, keepdims=True)
        x *= tf.math.rsqrt(square + 0.05) * 4.0 / x.shape[-1] ** 0.5
        return tf.cast(x, self.compute_dtype)


@keras.saving.register_keras_serializable("keras_homography")
class SampleFeatures(keras.layers.Layer):
    """Warp features of A to the cells of B, and a margin around them, by a homography.

    Inputs: features of A, `[n, cells, cells, c]`; `a_from_b`, float32 `[n, 3, 3]`, in units of half
      a
    patch. Output: `[n, cells + 2 margin, cells + 2 margin, c]`, bilinear, 0 outside of A.
    Differentiable in the features alone: each stage is trained for its own step.

    Args:
      margin: cells around those of B, on every side.
      **options: of `keras.layers.Layer`.
    """

    def __init__(self, margin: int, **options: Any) -> None:
        super().__init__(**options)
        self.margin = margin

    def call(self, features: tf.Tensor, a_from_b: tf.Tensor) -> tf.Tensor:
        """Warp the features: see the class."""
        cells, channels = features.shape[1], features.shape[3]
        sampled, side = cells + 2 * self.margin, cells + 1
        u, v = cell_grid.transform_cells(
            tf.stop_gradient(a_from_b), cell_grid.units_of_cells(cells, self.margin)
        )
        # A frame of zeros around, and the four neighbors of every place side by side: one gather.
        framed = tf.pad(features, [[0, 0], [1, 1], [1, 1], [0, 0]])
        packed = tf.concat(
            [tf.slice(framed, [0, y, x, 0], [-1, side, side, -1]) for y in (0, 1) for x in (0, 1)],
            axis=-1,
        )
        packed = tf.reshape(packed, [-1, side * side, 4 * channels])
        column = tf.clip_by_value((u + 1.0) * cells / 2.0 + 0.5, 0.0, cells + 0.999)
        row = tf.clip_by_value((v + 1.0) * cells / 2.0 + 0.5, 0.0, cells + 0.999)
        left, top = tf.floor(column), tf.floor(row)
        index = tf.cast(tf.reshape(top * side + left, [-1, sampled * sampled]), tf.int32)
        # NaN, where a fit had no solution, is cast to anything, and TFLite stops at that.
        index = tf.clip_by_value(index, 0, side * side - 1)
        x, y = (tf.reshape(part, [-1, sampled * sampled, 1]) for part in (column - left, row - top))
        x, y = tf.cast(x, features.dtype), tf.cast(y, features.dtype)
        neighbors = tf.gather(packed, index, batch_dims=1)
        top_left, top_right, bottom_left, bottom_right = tf.split(neighbors, 4, axis=-1)
        upper = top_left + x * (top_right - top_left)
        lower = bottom_left + x * (bottom_right - bottom_left)
        return tf.reshape(upper + y * (lower - upper), [-1, sampled, sampled, channels])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "margin": self.margin}
