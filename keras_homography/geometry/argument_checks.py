"""Validate numeric arguments: convert them to float and check their shape."""

from types import EllipsisType
from typing import NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_homography.utils.errors import UserError

# What functions of tensors accept: a tensor, an array, or a nested list of numbers.
TensorLike: TypeAlias = tf.Tensor | npt.ArrayLike
# A size of a dimension, None for any, or an ellipsis for any leading dimensions.
Size: TypeAlias = int | EllipsisType | None


def as_tensor(value: TensorLike, name: str, *shape: Size) -> tf.Tensor:
    """Convert numbers to a float32 tensor of an expected shape, eagerly or in a graph.

    Args:
      value: a tensor, array, or nested list.
      name: of the argument, for messages.
      *shape: sizes; None for any; an ellipsis in front for any leading dimensions.

    Returns:
      float32 of that shape.

    Raises:
      UserError: not real numbers, or of another shape. AutoGraph, as by default in `tf.function`,
        raises its own exception with this message.
    """
    tensor: tf.Tensor = value
    if not tf.is_tensor(value):
        tensor = tf.constant(as_array(value, name, *shape).astype(np.float32))
    if not (tensor.dtype.is_floating or tensor.dtype.is_integer):
        _refuse(name, shape, f"{tensor.dtype.name} {tensor.shape}")
    if tensor.shape.rank is not None and not _matches(tensor.shape.as_list(), shape):
        _refuse(name, shape, f"the shape {tensor.shape}")
    return tf.cast(tensor, tf.float32)


def as_array(value: npt.ArrayLike, name: str, *shape: Size) -> npt.NDArray[np.float64]:
    """Convert numbers to a float64 array of an expected shape: `as_tensor` in NumPy.

    Args:
      value: an array or nested list.
      name: of the argument, for messages.
      *shape: sizes; None for any; an ellipsis in front for any leading dimensions.

    Returns:
      float64 of that shape.

    Raises:
      UserError: not real numbers, or of another shape.
    """
    try:
        array = np.asarray(value)
    except ValueError:  # lists of several lengths
        _refuse(name, shape, repr(value)[:60])
    if array.dtype.kind not in "fiu":
        _refuse(name, shape, f"{array.dtype} {list(array.shape)}")
    if not _matches(array.shape, shape):
        _refuse(name, shape, f"the shape {list(array.shape)}")
    return array.astype(np.float64)


def _matches(actual: tuple[int, ...] | list[int | None], expected: tuple[Size, ...]) -> bool:
    """Whether a static shape, None where unknown, is as expected."""
    if expected[0] is Ellipsis:
        actual, expected = actual[max(0, len(actual) - len(expected) + 1) :], expected[1:]
    return len(actual) == len(expected) and all(
        None in sizes or sizes[0] == sizes[1] for sizes in zip(actual, expected, strict=True)
    )


def _refuse(name: str, shape: tuple[Size, ...], received: str) -> NoReturn:
    words: dict[Size, str] = {Ellipsis: "...", None: "any"}
    expected = ", ".join(words.get(size, str(size)) for size in shape)
    raise UserError(f"{name} has to be [{expected}], real numbers; got {received}.")
