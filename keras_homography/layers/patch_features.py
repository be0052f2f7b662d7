"""Keras layers that standardize patches and sample features."""

import keras
import tensorflow as tf

from keras_homography.layers import cell_grid


@keras.saving.register_keras_serializable("keras_homography")
class StandardizePatches(keras.layers.Layer):
    """`[n, size, size, 2]`, gray levels -> two patches `[n, size, size, 1]`, each of mean 0 and
    deviation 1 (less where there is next to nothing to see)."""

    def call(self, pairs):
        size = pairs.shape[1]
        # Channels first: TFLite is slow at means over the middle of a tensor.
        patches = tf.transpose(tf.reshape(pairs, [-1, size * size, 2]), [0, 2, 1])
        centered = patches - tf.reduce_mean(patches, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centered), axis=-1, keepdims=True)
        standard = tf.split(centered * tf.math.rsqrt(variance + 25.0), 2, axis=1)
        return [tf.reshape(patch, [-1, size, size, 1]) for patch in standard]


@keras.saving.register_keras_serializable("keras_homography")
class UnitFeatures(keras.layers.Layer):
    """Every feature vector scaled to a length of 4, so that products are like cosines."""

    def call(self, features):
        x = tf.cast(features, tf.float32)
        square = tf.reduce_mean(tf.square(x), axis=-1, keepdims=True)
        x *= tf.math.rsqrt(square + 0.05) * 4.0 / x.shape[-1] ** 0.5
        return tf.cast(x, self.compute_dtype)


@keras.saving.register_keras_serializable("keras_homography")
class SampleFeatures(keras.layers.Layer):
    """Features of A where B's cells look for them: 0 where A shows nothing.

    Inputs: features of A `[n, cells, cells, c]`; `a_from_b`, float32 `[n, 3, 3]`, in units of half
    a patch. Output: `[n, cells + 2 margin, cells + 2 margin, c]`: the cells of B and a margin
    around them. Differentiable in the features alone: each stage answers for its own step.
    """

    def __init__(self, margin, **options):
        super().__init__(**options)
        self.margin = margin

    def call(self, features, a_from_b):
        cells, channels = features.shape[1], features.shape[3]
        wide, side = cells + 2 * self.margin, cells + 1
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
        index = tf.cast(tf.reshape(top * side + left, [-1, wide * wide]), tf.int32)
        # Where a fit had no solution: TFLite stops at what is not a number.
        index = tf.clip_by_value(index, 0, side * side - 1)
        x, y = (tf.reshape(part, [-1, wide * wide, 1]) for part in (column - left, row - top))
        x, y = tf.cast(x, features.dtype), tf.cast(y, features.dtype)
        neighbors = tf.gather(packed, index, batch_dims=1)
        top_left, top_right, bottom_left, bottom_right = tf.split(neighbors, 4, axis=-1)
        above = top_left + x * (top_right - top_left)
        below = bottom_left + x * (bottom_right - bottom_left)
        return tf.reshape(above + y * (below - above), [-1, wide, wide, channels])

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}
