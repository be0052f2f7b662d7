"""Keras layers that correlate the features of two patches."""

import keras
import tensorflow as tf

from keras_homography.layers import split_and_concat


def _slice_rows(features: tf.Tensor, first: int, count: int) -> tf.Tensor:
    """Slice rows; not by `features[:, first:]`, whose gradient takes ten times as long on a CPU."""
    return tf.slice(features, [0, first, 0, 0], [-1, count, -1, -1])


def _correlate_rows(features_b: tf.Tensor, features_a: tf.Tensor) -> tf.Tensor:
    """Multiply every cell of B with the cells of A at all displacements that fit.

    Args:
      features_b: `[n, rows, columns, c]`.
      features_a: `[n, rows + i, columns + j, c]`.

    Returns:
      `[n, rows, columns, (i + 1) (j + 1)]`: products with the cells of A that are 0 to i rows and 0
      to j columns further.
    """
    rows, columns, columns_a = features_b.shape[1], features_b.shape[2], features_a.shape[2]
    count_y, count_x = features_a.shape[1] - rows + 1, columns_a - columns + 1
    # Every row of A in reach, all columns, against the row of B: one matrix product a row of B.
    windows = split_and_concat.join(
        [_slice_rows(features_a, y, rows) for y in range(count_y)], axis=2
    )
    products = tf.matmul(features_b, windows, transpose_b=True)
    products = tf.reshape(products, [-1, rows, columns, count_y, columns_a])
    products = tf.reshape(
        tf.transpose(products, [0, 1, 3, 2, 4]), [-1, rows * count_y, columns * columns_a]
    )
    # Skew: the row of column x begins at column x of A, so that what were columns become
    # displacements (Huang et al. 2018, "Music Transformer", section 3.4).
    skewed = tf.pad(products, [[0, 0], [0, 0], [0, columns]])
    skewed = tf.reshape(skewed, [-1, rows * count_y, columns, columns_a + 1])
    skewed = tf.slice(skewed, [0, 0, 0, 0], [-1, -1, -1, count_x])
    skewed = tf.reshape(skewed, [-1, rows, count_y, columns, count_x])
    return tf.reshape(tf.transpose(skewed, [0, 1, 3, 2, 4]), [-1, rows, columns, count_y * count_x])


@keras.saving.register_keras_serializable("keras_homography")
class Correlation(keras.layers.Layer):
    """Correlate every cell of B with the cells of A around the same place (a cost volume).

    Inputs: features of B, `[n, cells, cells, c]`; features of A with a margin, `[n, cells + 2
      margin,
    cells + 2 margin, c]`. Output: `[n, cells, cells, (2 margin + 1)²]`, the products of the
    features for every displacement up to `margin` cells (Dosovitskiy et al. 2015, section 3).
    """

    def call(self, features_b: tf.Tensor, features_a: tf.Tensor) -> tf.Tensor:
        """Correlate the features: see the class."""
        return _correlate_rows(features_b, features_a)


@keras.saving.register_keras_serializable("keras_homography")
class BlockCorrelation(keras.layers.Layer):
    """Correlate like `Correlation`, summed over blocks of 2x2 cells of B.

    As many displacements at a quarter of the cost. Inputs as of `Correlation`. Output: `[n, cells /
    2, cells / 2, (2 margin + 1)²]`, displacements in order of their parities first.
    """

    def call(self, features_b: tf.Tensor, features_a: tf.Tensor) -> tf.Tensor:
        """Correlate the features: see the class."""
        blocks, cells_a = features_b.shape[1] // 2, features_a.shape[1]
        reach = cells_a - 2 * blocks + 1
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
