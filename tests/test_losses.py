"""Losses and metrics against hand-made values."""

import numpy as np
import pytest
import tensorflow as tf

from keras_homography import losses, metrics

ZERO = np.zeros((2, 4, 2), np.float32)
# Distances (5, 0, 0, 0) and (1, 1, 1, 1).
OFF = np.array([[[3, 4], [0, 0], [0, 0], [0, 0]], [[1, 0], [0, 1], [-1, 0], [0, -1]]], np.float32)


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


@pytest.mark.parametrize("name", losses.NAMES)
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


@pytest.mark.parametrize("name", losses.NAMES)
def test_nan_is_not_hidden(name):
    assert np.isnan(losses.make(name, rho=4)(ZERO, OFF * np.nan)).all()
