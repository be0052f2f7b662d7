"""Losses and metrics against hand-made values and Keras."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_homography.data import pairs
from keras_homography.data.pair_spec import PairSpec
from keras_homography.evaluation import metrics
from keras_homography.training import losses

ZERO = np.zeros((2, 4, 2), np.float32)
# Distances (5, 0, 0, 0) and (1, 1, 1, 1).
OFF = np.array([[[3, 4], [0, 0], [0, 0], [0, 0]], [[1, 0], [0, 1], [-1, 0], [0, -1]]], np.float32)


REGRESSION = ["corner", "l2", "huber"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("corner", [1.25, 1.0]),
        ("l2", [0.5 * 25 / 16, 0.5 * 4 / 16]),
        ("huber", [(2.5 + 3.5) / 8, 4 * 0.5 / 8]),
    ],
)
def test_values(name, expected):
    np.testing.assert_allclose(losses.get_loss(name, rho=4)(ZERO, OFF), expected, rtol=1e-6)


@pytest.mark.parametrize("name", REGRESSION)
@pytest.mark.parametrize("h4pt", [ZERO, OFF])
def test_gradients_are_finite_and_vanish_at_the_truth(name, h4pt):
    h4pt = tf.constant(h4pt)
    with tf.GradientTape() as tape:
        tape.watch(h4pt)
        loss = losses.get_loss(name, rho=4)(ZERO, h4pt)
    gradient = tape.gradient(loss, h4pt).numpy()
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(gradient != 0, h4pt.numpy() != 0)


def test_unknown_loss():
    with pytest.raises(ValueError, match="no loss 'l1'; there are corner, l2, huber"):
        losses.get_loss("l1", 32)


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
    assert np.isnan(losses.get_loss(name, rho=4)(ZERO, OFF * np.nan)).all()


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


def test_cross_entropy_is_that_of_keras_with_shared_targets():
    """Of probabilities that Keras does not clip."""
    rng = np.random.default_rng(0)
    h4pt = rng.uniform(-12, 12, [6, 4, 2]).astype(np.float32)  # some of them beyond the last bin
    probabilities = tf.nn.softmax(rng.normal(0, 2, [6, 4, 2, 21]).astype(np.float32)).numpy()
    position = np.clip(h4pt, -10, 10) + 10  # bins are a pixel apart
    target = np.maximum(0, 1 - np.abs(position[..., None] - np.arange(21)))
    expected = keras.losses.categorical_crossentropy(target, probabilities)
    np.testing.assert_allclose(
        losses.cross_entropy(h4pt, probabilities, rho=10),
        tf.reduce_mean(expected, axis=[1, 2]),
        rtol=1e-6,
    )


def test_cross_entropy_needs_probabilities():
    with pytest.raises(ValueError, match="for a model with probabilities"):
        losses.get_loss("cross_entropy", 32)


@pytest.fixture(scope="module")
def labeled(images):
    """Three clean pairs of 128 pixels whose corners moved by up to 24."""
    make_pairs = pairs.make_pair_fn(0, PairSpec(rho=24))
    return [each.numpy() for each in make_pairs(images[:3], np.arange(3))]


@pytest.mark.long
def test_photometric_is_least_at_the_truth(labeled):
    patches, h4pt = labeled
    at_truth = losses.photometric(patches, h4pt).numpy()
    assert (at_truth < 0.3).all()
    moves = np.random.default_rng(0).normal(0, 1, [20, 3, 4, 2]).astype(np.float32)
    before = at_truth
    for distance in (1, 3, 10):
        moved = np.stack([losses.photometric(patches, h4pt + distance * move) for move in moves])
        assert (moved > at_truth).all()
        assert (moved.mean(axis=0) > before).all()
        before = moved.mean(axis=0)


@pytest.mark.long
def test_photometric_leads_to_the_truth(labeled):
    """Gradient descent on the corners alone, from 3 px away."""
    patches, true = labeled
    h4pt = tf.Variable(true + 3.0 * np.array([[1, 0], [0, -1], [-1, 0], [0, 1]], np.float32))
    optimizer = keras.optimizers.Adam(0.2)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = losses.photometric(patches, h4pt)
        optimizer.apply_gradients([(tape.gradient(loss, h4pt), h4pt)])

    for _ in range(75):
        step()
    assert metrics.corner_errors(true, h4pt).max() < 0.5


def test_photometric_ignores_gain_and_bias(labeled):
    patches, h4pt = labeled
    changed = patches * [1.0, 0.6] + [0.0, 40.0]
    np.testing.assert_allclose(
        losses.photometric(changed.astype(np.float32), h4pt),
        losses.photometric(patches, h4pt),
        atol=0.03,  # the noise level does not shrink with the gain
    )


def test_photometric_counts_occluded_windows_as_chance(labeled, images):
    """A quarter of B is occluded by another image: the rest still says where B lies."""
    patches, h4pt = (each.copy() for each in labeled)
    patches[:, 32:96, 32:96, 1] = images[3, :64, :64, 0]
    at_truth = losses.photometric(patches, h4pt).numpy()
    assert (at_truth < 0.7).all()
    assert (losses.photometric(patches, h4pt + 4.0).numpy() > at_truth + 0.1).all()


def test_photometric_without_overlap_or_texture_is_chance(labeled):
    patches, h4pt = labeled
    np.testing.assert_array_equal(losses.photometric(patches, h4pt + 500.0), 1.0)
    np.testing.assert_allclose(losses.photometric(patches * 0 + 90.0, h4pt), 1.0, atol=1e-3)


def test_photometric_has_finite_gradients(labeled):
    patches, h4pt = labeled
    for inputs, corners in (
        (patches, h4pt),
        (patches * 0, h4pt),
        (patches, h4pt * 0),
        (patches, h4pt + 500),
    ):
        corners = tf.constant(corners)
        with tf.GradientTape() as tape:
            tape.watch(corners)
            loss = losses.photometric(inputs, corners)
        assert np.isfinite(tape.gradient(loss, corners)).all()


def test_photometric_is_no_loss_of_corners():
    with pytest.raises(ValueError, match="compares patches"):
        losses.get_loss("photometric", 32)
