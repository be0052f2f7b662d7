"""Keras layers that correlate the features of two patches."""

import keras
import tensorflow as tf

from keras_homography.layers import tflite_ops


def _lines(features, first, count):
    """Some rows. Not `features[:, first:]`: on a CPU its gradient takes ten times as long."""
    return tf.slice(features, [0, first, 0, 0], [-1, count, -1, -1])


def _correlate_rows(features_b, features_a):
    """Products of every cell of B, `[n, rows, columns, c]`, with the cells of A, `[n, rows + i,
    columns + j, c]`, that are 0 to i rows and 0 to j columns further: `[n, rows, columns, (i + 1)
    (j + 1)]`."""
    lines_of_b, columns, wide = features_b.shape[1], features_b.shape[2], features_a.shape[2]
    count_y, count_x = features_a.shape[1] - lines_of_b + 1, wide - columns + 1
    # Every line of A in reach, all columns, against the line of B: one matrix product a line of B.
    windows = tflite_ops.join([_lines(features_a, y, lines_of_b) for y in range(count_y)], axis=2)
    products = tf.matmul(features_b, windows, transpose_b=True)
    products = tf.reshape(products, [-1, lines_of_b, columns, count_y, wide])
    products = tf.reshape(
        tf.transpose(products, [0, 1, 3, 2, 4]), [-1, lines_of_b * count_y, columns * wide]
    )
    # Skew: the line of column x begins at column x of A, so that what were columns become
    # displacements (Huang et al. 2018, "Music Transformer", section 3.4).
    skewed = tf.pad(products, [[0, 0], [0, 0], [0, columns]])
    skewed = tf.reshape(skewed, [-1, lines_of_b * count_y, columns, wide + 1])
    skewed = tf.slice(skewed, [0, 0, 0, 0], [-1, -1, -1, count_x])
    skewed = tf.reshape(skewed, [-1, lines_of_b, count_y, columns, count_x])
    return tf.reshape(
        tf.transpose(skewed, [0, 1, 3, 2, 4]), [-1, lines_of_b, columns, count_y * count_x]
    )


@keras.saving.register_keras_serializable("keras_homography")
class Correlation(keras.layers.Layer):
    """How alike each cell of B is to A's cells around the same place.

    Inputs: features of B `[n, cells, cells, c]`; of A, with a margin: `[n, cells + 2 margin, cells
    + 2 margin, c]`. Output: `[n, cells, cells, (2 margin + 1)²]`, the products of the features for
    every displacement up to `margin` cells.
    """

    def call(self, features_b, features_a):
        return _correlate_rows(features_b, features_a)


@keras.saving.register_keras_serializable("keras_homography")
class BlockCorrelation(keras.layers.Layer):
    """`Correlation`, summed over blocks of 2x2 cells of B: as many displacements, a quarter of the
    work.

    Output: `[n, cells / 2, cells / 2, (2 margin + 1)²]`.
    """

    def call(self, features_b, features_a):
        blocks, wide = features_b.shape[1] // 2, features_a.shape[1]
        reach = wide - 2 * blocks + 1
        blocks_b = tf.nn.space_to_depth(features_b, 2)
        volumes = []
        for parity_y in (0, 1):  # of the displacements
            for parity_x in (0, 1):
                count_y, count_x = (reach + 1 - parity_y) // 2, (reach + 1 - parity_x) // 2
                size = [-1, 2 * (blocks + count_y - 1), 2 * (blocks + count_x - 1), -1]
                part = tf.slice(features_a, [0, parity_y, parity_x, 0], size)
                blocks_a = tf.nn.space_to_depth(part, 2)
                volumes.append(_correlate_rows(blocks_b, blocks_a))
        return tf.concat(volumes, axis=-1)
