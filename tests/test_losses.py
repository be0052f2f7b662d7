"""Losses and metrics against hand-made values."""

import numpy as np
import pytest
import tensorflow as tf

from keras_homography import losses, metrics

ZERO = np.zeros((2, 4, 2), np.float32)
# Distances (5, 0, 0, 0) and (1, 1, 1, 1).
OFF = np.array([[[3, 4], [0, 0], [0, 0], [0, 0]], [[1, 0], [0, 1], [-1, 0], [0, -1]]], np.float32)


REGRESSION = [name for name in losses.NAMES if name != "cross_entropy"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("corner", [1.25, 1.0]),
        ("l2", [0.5 * 25 / 16, 0.5 * 4 / 16]),
        ("huber", [(2.5 + 3.5) / 8, 4 * 0.5 / 8]),
    ],
)
def test_values(name, expected):
    np.testing.assert_allclose(losses.make(name, rho=4)(ZERO, OFF), expected, rtol=1e-6)


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("h4pt", [ZERO, OFF])
def test_gradients_are_finite_and_vanish_at_the_truth(name, h4pt):
    h4pt = tf.constant(h4pt)
    with tf.GradientTape() as tape:
        tape.watch(h4pt)
        loss = losses.make(name, rho=4)(ZERO, h4pt)
    gradient = tape.gradient(loss, h4pt).numpy()
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient != 0, h4pt.numpy() != 0)


def test_unknown_loss():
    with pytest.raises(ValueError, match="no loss 'l1'; there are corner, l2, huber"):
        losses.make("l1", 32)


def test_corner_errors_agree_with_the_loss():
    np.testing.assert_allclose(metrics.corner_errors(ZERO, OFF), losses.corner_distance(ZERO, OFF))


def test_summary():
    summary = metrics.summarize([0.0, 0.5, 1.0, 2.5, 46.0])
    assert summary["mace"] == 10.0
    assert summary["median"] == 1.0
    assert summary["under_1px"] == pytest.approx(0.4)
    assert summary["under_3px"] == pytest.approx(0.8)
    assert summary["p90"] <= summary["p99"] <= 46.0


@pytest.mark.parametrize("name", REGRESSION)
def test_nan_is_not_hidden(name):
    assert np.isnan(losses.make(name, rho=4)(ZERO, OFF * np.nan)).all()


def test_cross_entropy_is_least_where_the_expectation_is_the_truth():
    """A truth a quarter of the way between two bins, 1 px apart."""
    h4pt = tf.fill([1, 4, 2], 2.25)
    scores = tf.Variable(tf.zeros([1, 4, 2, 21]))
    for _ in range(400):
        with tf.GradientTape() as tape:
            loss = losses.cross_entropy(h4pt, tf.nn.softmax(scores), rho=10)
        scores.assign_sub(8.0 * tape.gradient(loss, scores))
    probabilities = tf.nn.softmax(scores)
    np.testing.assert_allclose(probabilities[0, 0, 0, 12:14], [0.75, 0.25], atol=0.03)
    expectation = tf.reduce_sum(probabilities * tf.range(-10.0, 11.0), axis=-1)
    np.testing.assert_allclose(expectation, h4pt, atol=0.1)


def test_cross_entropy_of_a_bin_is_minus_its_log_probability():
    probabilities = np.full((1, 4, 2, 21), 0.5 / 20, np.float32)
    probabilities[..., 20] = 0.5
    for truth in (10.0, 12.0):  # at the last bin, and beyond it
        loss = losses.cross_entropy(tf.fill([1, 4, 2], truth), probabilities, rho=10)
        np.testing.assert_allclose(loss, [np.log(2.0)], rtol=1e-5)


def test_cross_entropy_needs_probabilities():
    with pytest.raises(ValueError, match="for a model with probabilities"):
        losses.make("cross_entropy", 32)
