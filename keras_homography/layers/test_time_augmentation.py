"""Other views of a pair, for a network that found nothing: where it fails on one it often succeeds
on another, and two views that lead to the same place are hardly both wrong.

A view exchanges A and B, mirrors and transposes both, and covers a quarter of B with its mean: if
that is what showed something else, it misleads no longer.
"""

import numpy as np
import tensorflow as tf

from keras_homography import geometry


def _table():
    """Of each view: from which quarter of the rows and of the columns on B is covered for half a
    patch, and whether it is mirrored along x, along y, transposed and exchanged."""
    nowhere = -2
    table = [(nowhere, nowhere, 0, 0, 0, 1)]
    for place in range(9):
        turn = (place + 1) % 8  # in other orientations it fails elsewhere too
        mirrored_x, mirrored_y, transposed = turn & 1, turn >> 1 & 1, turn >> 2
        table.append((place // 3, place % 3, mirrored_x, mirrored_y, transposed, place % 2))
    return np.array(table, np.int32)


def _view_from_pair():
    """Of each view the matrix from places in a patch to places in what is shown, `[COUNT, 3, 3]`,
    in units of half a patch about the center; its transpose is its inverse."""
    matrices = []
    for _, _, mirrored_x, mirrored_y, transposed, _ in _TABLE:
        matrix = np.diag([1.0 - 2.0 * mirrored_x, 1.0 - 2.0 * mirrored_y, 1.0])
        matrices.append(matrix[[1, 0, 2]] if transposed else matrix)
    return np.array(matrices, np.float32)


_TABLE = _table()
_VIEW_FROM_PAIR = _view_from_pair()
COUNT = len(_TABLE)


def augment(pairs, number):
    """A view of pairs.

    Args:
      pairs: float32 `[n, size, size, 2]`, gray levels, channel 0 patch A and channel 1 patch B.
      number: of the view, int32 scalar in 0..`COUNT` - 1.

    Returns:
      float32 `[n, size, size, 2]`.
    """
    size = pairs.shape[1]
    top, left, mirrored_x, mirrored_y, transposed, exchanged = tf.unstack(tf.gather(_TABLE, number))
    quarter = np.arange(size, dtype=np.int32) * 4 // size
    rows, columns = (
        tf.cast((quarter >= first) & (quarter < first + 2), tf.float32) for first in (top, left)
    )
    covered = tf.reshape(rows, [1, size, 1, 1]) * tf.reshape(columns, [1, 1, size, 1])
    covered *= np.array([0.0, 1.0], np.float32)
    view = pairs + covered * (tf.reduce_mean(pairs, axis=[1, 2], keepdims=True) - pairs)
    for wanted, changed in (
        (mirrored_x, lambda view: tf.reverse(view, [2])),
        (mirrored_y, lambda view: tf.reverse(view, [1])),
        (transposed, lambda view: tf.transpose(view, [0, 2, 1, 3])),
        (exchanged, lambda view: tf.reverse(view, [3])),
    ):
        view = tf.where(wanted > 0, changed(view), view)
    return view


def undo(a_from_b, number):
    """The homographies of pairs from those of a view of them, `[n, 3, 3]`, in units of half a
    patch; `number` as for `show`."""
    a_from_b = tf.where(tf.gather(_TABLE[:, -1], number) > 0, geometry.invert(a_from_b), a_from_b)
    view_from_pair = tf.gather(_VIEW_FROM_PAIR, number)
    return tf.transpose(view_from_pair) @ a_from_b @ view_from_pair
