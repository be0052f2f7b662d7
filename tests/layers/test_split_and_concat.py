"""Rows are split and joined as NumPy does, by operators that TFLite delegates."""

import numpy as np
import pytest
import tensorflow as tf
from helpers.in_graph import in_tflite

from keras_homography.layers import split_and_concat


@pytest.mark.parametrize("rows", [1, 4, 5, 17])
@pytest.mark.parametrize("axis", [1, 2])
def test_join_is_concatenate(rows, axis):
    parts = np.random.default_rng(0).normal(size=[rows, 2, 3, 4]).astype(np.float32)
    joined = split_and_concat.join([tf.constant(part) for part in parts], axis)
    np.testing.assert_array_equal(joined, np.concatenate(list(parts), axis))


def test_no_concatenation_has_more_inputs_than_the_delegate_takes():
    graph = tf.function(lambda x: split_and_concat.join([x] * 17)).get_concrete_function(
        tf.TensorSpec([1, 1, 3])
    )
    inputs = [len(op.inputs) - 1 for op in graph.graph.get_operations() if op.type == "ConcatV2"]
    assert max(inputs) == 4


def test_split_gives_the_rows():
    table = np.random.default_rng(0).normal(size=[2, 5, 7]).astype(np.float32)
    rows = split_and_concat.split(tf.constant(table))
    assert [row.shape for row in rows] == [(2, 1, 7)] * 5
    np.testing.assert_array_equal(np.concatenate(rows, axis=1), table)


def test_both_convert_to_tflite():
    table = np.random.default_rng(0).normal(size=[1, 6, 7]).astype(np.float32)
    reversed_rows = in_tflite(
        lambda x: split_and_concat.join(split_and_concat.split(x)[::-1]), table
    )
    np.testing.assert_array_equal(reversed_rows, table[:, ::-1])
