"""Split and concatenate `[n, 1, m]` rows with ops that stay in TFLite's XNNPACK delegate.

`tf.stack`, `tf.unstack`, `x[:, i]`, `tf.where` and a long `tf.concat` are not delegated: each costs
a few microseconds, and as much again to return to XNNPACK.
"""

from collections.abc import Sequence

import tensorflow as tf

_MAX_CONCAT_INPUTS = 4  # that XNNPACK takes


def split(table: tf.Tensor) -> list[tf.Tensor]:
    """Split a table `[n, rows, m]` into its rows, each `[n, 1, m]`."""
    return [tf.slice(table, [0, row, 0], [-1, 1, -1]) for row in range(table.shape[1])]


def join(parts: Sequence[tf.Tensor], axis: int = 1) -> tf.Tensor:
    """Concatenate tensors along an axis, four at a time."""
    while len(parts) > 1:
        parts = [
            tf.concat(parts[first : first + _MAX_CONCAT_INPUTS], axis)
            for first in range(0, len(parts), _MAX_CONCAT_INPUTS)
        ]
    return parts[0]
