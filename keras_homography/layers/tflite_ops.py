"""Rows of numbers, `[n, 1, m]`, taken apart and put together so that a phone is quick at it.

TFLite's fast kernels (XNNPACK) hand over to slow ones, at a few microseconds each time, wherever
`tf.stack`, `tf.unstack`, `x[:, i]`, `tf.where` or a long `tf.concat` stands between them.
"""

import tensorflow as tf

_FAST_CONCAT = 4  # inputs


def split(table):
    """The rows of `[n, rows, m]`: a list of `[n, 1, m]`."""
    return [tf.slice(table, [0, row, 0], [-1, 1, -1]) for row in range(table.shape[1])]


def join(parts, axis=1):
    """Tensors in a row along an axis: `tf.concat`, a few at a time."""
    while len(parts) > 1:
        parts = [
            tf.concat(parts[first : first + _FAST_CONCAT], axis)
            for first in range(0, len(parts), _FAST_CONCAT)
        ]
    return parts[0]
