"""Small systems of equations against NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from helpers.in_graph import eager_and_in_tf_data, in_tflite
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_homography.layers import least_squares


def random_equations(seed, size, count=50):
    return np.random.default_rng(seed).normal(size=[3, size + 1, count]).astype(np.float32)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([1, 2, 8, 11]), st.floats(1e-3, 1e3))
def test_solve_agrees_with_numpy(seed, size, scale):
    half = np.random.default_rng(seed).normal(size=[3, size, size + 20])
    matrix = (half @ half.transpose(0, 2, 1) * scale).astype(np.float32)
    truth = np.random.default_rng(seed + 1).normal(size=[3, size, 1]).astype(np.float32)
    found = least_squares.solve(tf.constant(matrix), tf.constant(matrix @ truth))
    np.testing.assert_allclose(found, truth, atol=2e-3)


@pytest.mark.parametrize("size", [3, 8, 11])
def test_fit_agrees_with_numpy(size):
    equations = random_equations(0, size)
    expected = [np.linalg.lstsq(each[:size].T, each[size], rcond=None)[0] for each in equations]
    eager, in_graph = eager_and_in_tf_data(lambda e: least_squares.fit(e, 1e-7), equations)
    np.testing.assert_allclose(eager[..., 0], expected, atol=1e-4)
    np.testing.assert_allclose(in_graph, eager, atol=1e-5)


def test_without_any_equation_the_step_is_zero():
    found = least_squares.fit(tf.zeros([2, 9, 40]), 1e-5)
    np.testing.assert_array_equal(found, np.zeros([2, 8, 1]))


def test_damping_shortens_the_step():
    equations = tf.constant(random_equations(1, 8))
    lengths = [
        float(tf.norm(least_squares.fit(equations, damping))) for damping in (1e-6, 0.1, 10.0)
    ]
    assert lengths[0] > lengths[1] > lengths[2] > 0


def test_gradient_of_solve_is_that_of_the_inverse():
    half = np.random.default_rng(2).normal(size=[1, 4, 9]).astype(np.float32)
    matrix = tf.constant(half @ half.transpose(0, 2, 1))
    right = tf.constant(np.random.default_rng(3).normal(size=[1, 4, 1]).astype(np.float32))
    gradients = []
    for solve in (least_squares.solve, tf.linalg.solve):
        with tf.GradientTape() as tape:
            tape.watch((matrix, right))
            total = tf.reduce_sum(tf.square(solve(matrix, right)))
        gradients.append(tape.gradient(total, (matrix, right)))
    for ours, theirs in zip(*gradients, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4)


def test_converts_to_tflite():
    equations = random_equations(4, 8)[:1]
    found = in_tflite(lambda e: least_squares.fit(e, 1e-5), equations)
    np.testing.assert_allclose(found, least_squares.fit(equations, 1e-5), atol=1e-4)
