"""What functions of numbers accept: anything that is numbers, of the right dimensions."""

import numpy as np
import tensorflow as tf

from keras_homography.utils.errors import UserError


def _refuse(name, shape, received):
    words = {Ellipsis: "...", None: "any"}
    expected = ", ".join(words.get(size, str(size)) for size in shape)
    raise UserError(f"{name} has to be [{expected}], real numbers; got {received}.")


def _fits(found, shape):
    """Whether a static shape, None where unknown, is `shape` as `tensor` takes it."""
    if shape[0] is Ellipsis:
        found, shape = found[max(0, len(found) - len(shape) + 1) :], shape[1:]
    return len(found) == len(shape) and all(
        None in pair or pair[0] == pair[1] for pair in zip(found, shape, strict=True)
    )


def as_tensor(value, name, *shape):
    """Numbers as a tensor, in and outside of a graph.

    Args:
      value: a tensor, array, or nested list.
      name: of the argument, for messages.
      *shape: numbers; None for any; an ellipsis first for any dimensions before.

    Returns:
      float32 of that shape.

    Raises:
      ValueError: these are no real numbers, or of other dimensions.
    """
    if not tf.is_tensor(value):
        value = tf.constant(as_array(value, name, *shape).astype(np.float32))
    if not (value.dtype.is_floating or value.dtype.is_integer):
        _refuse(name, shape, f"{value.dtype.name} {value.shape}")
    if value.shape.rank is not None and not _fits(value.shape.as_list(), shape):
        _refuse(name, shape, f"the shape {value.shape}")
    return tf.cast(value, tf.float32)


def as_array(value, name, *shape):
    """`tensor` in NumPy, and float64."""
    try:
        value = np.asarray(value)
    except ValueError:  # lists of several lengths
        _refuse(name, shape, repr(value)[:60])
    if value.dtype.kind not in "fiu":
        _refuse(name, shape, f"{value.dtype} {list(value.shape)}")
    if not _fits(value.shape, shape):
        _refuse(name, shape, f"the shape {list(value.shape)}")
    return value.astype(np.float64)
