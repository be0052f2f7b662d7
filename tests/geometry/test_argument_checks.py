"""Numbers of the expected shape become float arrays and tensors; others are refused by name."""

import numpy as np
import pytest
import tensorflow as tf

from keras_homography.geometry import argument_checks
from keras_homography.utils.errors import UserError


@pytest.mark.parametrize("value", [[[1, 2]], np.array([[1, 2]], np.uint8), [[1.0, 2.0]]])
def test_numbers_are_converted(value):
    array = argument_checks.as_array(value, "points", None, 2)
    assert (array.dtype, array.tolist()) == (np.float64, [[1.0, 2.0]])
    for argument in (value, tf.constant(value)):
        tensor = argument_checks.as_tensor(argument, "points", ..., 2)
        assert (tensor.dtype, tensor.numpy().tolist()) == (tf.float32, [[1.0, 2.0]])


@pytest.mark.parametrize("convert", [argument_checks.as_array, argument_checks.as_tensor])
@pytest.mark.parametrize(
    ("value", "shape", "message"),
    [
        (np.zeros([3, 2]), (4, 2), r"points has to be \[4, 2\], real numbers; got the shape \[3"),
        (np.zeros([2]), (None, 2), r"has to be \[any, 2\]"),
        (np.zeros([3]), (..., 3, 3), r"has to be \[\.\.\., 3, 3\]"),
        (["a", "b"], (2,), "real numbers; got <U1"),
        ([1j, 2.0], (2,), "real numbers; got complex128"),
        ([True, False], (2,), "real numbers; got bool"),
        ([[1], [1, 2]], (..., 2), "real numbers"),
        (None, (2,), "real numbers; got object"),
    ],
)
def test_others_are_refused(convert, value, shape, message):
    with pytest.raises(UserError, match=message):
        convert(value, "points", *shape)


def test_any_leading_dimensions():
    for leading in ([], [5], [0], [2, 3]):
        assert argument_checks.as_array(np.zeros([*leading, 4, 2]), "quad", ..., 4, 2).ndim == (
            2 + len(leading)
        )


def test_tensors_of_other_types_are_refused():
    for value in (tf.constant(["a", "b"]), tf.constant([1j, 2.0]), tf.constant([True, False])):
        with pytest.raises(UserError, match="real numbers; got"):
            argument_checks.as_tensor(value, "points", 2)


def test_dimensions_that_a_graph_does_not_know_are_accepted():
    @tf.function(input_signature=[tf.TensorSpec([None, 2]), tf.TensorSpec(None)])
    def check(known_rank, unknown):
        return (
            argument_checks.as_tensor(known_rank, "a", 4, 2),
            argument_checks.as_tensor(unknown, "b", 4, 2),
        )

    assert [tensor.shape for tensor in check(tf.zeros([4, 2]), tf.zeros([4, 2]))] == [[4, 2]] * 2


def test_dimensions_that_a_graph_knows_are_checked():
    @tf.function(input_signature=[tf.TensorSpec([None, 3])], autograph=False)
    def check(value):
        return argument_checks.as_tensor(value, "a", 4, 2)

    with pytest.raises(UserError, match="has to be"):
        check(tf.zeros([4, 3]))
