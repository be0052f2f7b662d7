"""Test-time augmentation: transformed views of a pair, and their homographies transformed back.

Where the network fails on a pair it often succeeds on a view of it, and two views that lead to the
same homography are hardly both wrong. A view exchanges A and B, mirrors and transposes both, and
fills a quarter of B with its mean: if that is what was occluded, it misleads no longer.
"""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_homography import geometry

_NOWHERE = -2  # of quarters 0 to 3: fills nothing


def _table() -> npt.NDArray[np.int32]:
    """List the views, `[NUM_VIEWS, 6]`.

    Columns: from which quarter of the rows, and of the columns, on B is filled for half a patch;
    whether it is mirrored along x, mirrored along y, transposed, exchanged.
    """
    table = [(_NOWHERE, _NOWHERE, 0, 0, 0, 1)]
    for place in range(9):
        turn = (place + 1) % 8  # in other orientations the network fails elsewhere
        mirrored_x, mirrored_y, transposed = turn & 1, turn >> 1 & 1, turn >> 2
        table.append((place // 3, place % 3, mirrored_x, mirrored_y, transposed, place % 2))
    return np.array(table, np.int32)


def _view_from_pair() -> npt.NDArray[np.float32]:
    """Compute the matrix from a patch to its view, `[NUM_VIEWS, 3, 3]`.

    In units of half a patch about the center; the transpose is the inverse.
    """
    matrices = []
    for _, _, mirrored_x, mirrored_y, transposed, _ in _TABLE:
        matrix = np.diag([1.0 - 2.0 * mirrored_x, 1.0 - 2.0 * mirrored_y, 1.0])
        matrices.append(matrix[[1, 0, 2]] if transposed else matrix)
    return np.array(matrices, np.float32)


_TABLE = _table()
_VIEW_FROM_PAIR = _view_from_pair()
NUM_VIEWS = len(_TABLE)


def augment(pairs: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """Transform pairs into one of their views.

    Args:
      pairs: float32 `[n, size, size, 2]`, gray levels, channel 0 patch A and channel 1 patch B.
      number: of the view, int32 scalar in 0..`NUM_VIEWS` - 1.

    Returns:
      float32 `[n, size, size, 2]`.
    """
    size = pairs.shape[1]
    top, left, mirrored_x, mirrored_y, transposed, exchanged = tf.unstack(tf.gather(_TABLE, number))
    quarter = np.arange(size, dtype=np.int32) * 4 // size
    rows, columns = (
        tf.cast((quarter >= first) & (quarter < first + 2), tf.float32) for first in (top, left)
    )
    filled = tf.reshape(rows, [1, size, 1, 1]) * tf.reshape(columns, [1, 1, size, 1])
    filled *= np.array([0.0, 1.0], np.float32)
    view = pairs + filled * (tf.reduce_mean(pairs, axis=[1, 2], keepdims=True) - pairs)
    view = tf.where(mirrored_x > 0, tf.reverse(view, [2]), view)
    view = tf.where(mirrored_y > 0, tf.reverse(view, [1]), view)
    view = tf.where(transposed > 0, tf.transpose(view, [0, 2, 1, 3]), view)
    return tf.where(exchanged > 0, tf.reverse(view, [3]), view)


def undo(a_from_b: tf.Tensor, number: tf.Tensor) -> tf.Tensor:
    """Transform the homographies of a view into those of the pairs.

    Args:
      a_from_b: float32 `[n, 3, 3]`, of the view, in units of half a patch.
      number: of the view, as for `augment`.

    Returns:
      float32 `[n, 3, 3]`, of the pairs, in units of half a patch.
    """
    a_from_b = tf.where(tf.gather(_TABLE[:, -1], number) > 0, geometry.invert(a_from_b), a_from_b)
    view_from_pair = tf.gather(_VIEW_FROM_PAIR, number)
    return tf.transpose(view_from_pair) @ a_from_b @ view_from_pair
