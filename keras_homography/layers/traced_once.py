"""Trace a function once for all layers that call it with the same options."""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def for_each_batch_size(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function of tensors a `tf.function` for each static batch size and set of options.

    Tracing thousands of operators once instead of for each of several calls takes a third of the
    time of an export. Not one trace for all batch sizes: a trace for any size would serve for size
    1 too, and TFLite needs to know that.

    Args:
      function: of tensors, whose first dimension is the batch, by position; and of hashable
        options, by name.
    """

    @functools.cache
    def make(batch_size: int | None, **options: Any) -> tf.types.experimental.PolymorphicFunction:
        return tf.function(functools.partial(function, **options), autograph=False)

    @functools.wraps(function)
    def call(*tensors: tf.Tensor, **options: Any) -> Any:
        return make(tensors[0].shape[0], **options)(*tensors)

    return call
