"""Losses of the matcher against NumPy's plain definitions, and a network that learns by them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_homography import models
from keras_homography.data import matching_pairs
from keras_homography.training import matching_losses, matching_model, matching_validation

SIZE = 64
CELLS = (SIZE // 8) ** 2


def test_the_cells_of_positions():
    positions = np.array([[-0.4, 0.0], [7.4, 7.4], [7.6, 7.4], [3.5, 63.0], [900.0, -5.0]])
    cells = matching_losses.cells_of(tf.constant(positions, tf.float32), SIZE)
    np.testing.assert_array_equal(cells, [0, 0, 1, 56, 7])
    centers = matching_losses.centers_of(tf.range(CELLS), SIZE)
    np.testing.assert_array_equal(matching_losses.cells_of(centers, SIZE), np.arange(CELLS))


def test_dual_softmax_is_the_mean_cross_entropy_of_both_directions():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(2, 6, 5)).astype(np.float32)
    cells_b = generator.integers(0, 5, (2, 6))
    visible = generator.uniform(size=(2, 6)) < 0.6
    total = []
    for n, i in np.argwhere(visible):
        j = cells_b[n, i]
        total.append(np.log(np.exp(logits[n, i]).sum()) - logits[n, i, j])
        total.append(np.log(np.exp(logits[n, :, j]).sum()) - logits[n, i, j])
    loss = matching_losses.dual_softmax(
        tf.constant(logits), tf.constant(cells_b, tf.int32), tf.constant(visible)
    )
    assert float(loss) == pytest.approx(np.mean(total), rel=1e-5)
    none = tf.zeros_like(visible)
    assert float(matching_losses.dual_softmax(tf.constant(logits), cells_b, none)) == 0.0


def test_a_neighbor_of_the_true_cell_is_right_and_an_invisible_cell_is_not():
    nearest = np.array([[9, 10, 18, 19, 9]])
    logits = tf.one_hot(nearest, CELLS)
    cells_b, visible = tf.fill([1, 5], 0), tf.constant([[True, True, True, True, False]])
    found, is_right = matching_losses.find_nearest(logits, cells_b, visible, 8)
    np.testing.assert_array_equal(found, nearest)
    np.testing.assert_array_equal(is_right, [[True, False, False, False, False]])


def test_fine_features_are_lowest_in_loss_and_error_at_the_true_position():
    places = matching_losses.window_offsets().numpy()
    offsets = np.array([[[1.0, -3.0], [4.0, 6.5]]], np.float32)
    distance = np.abs(offsets[:, :, None] - places) / 4.0
    target = np.maximum(0.0, 1.0 - distance).prod(axis=-1)
    np.testing.assert_allclose(target @ places, offsets, atol=1e-5)  # its expectation
    both = tf.constant([[True, True]])
    best, error = matching_losses.fine_cross_entropy(
        tf.math.log(tf.constant(target) + 1e-9), tf.constant(offsets), both
    )
    assert float(error) == pytest.approx(0.0, abs=2e-3)
    worse, far = matching_losses.fine_cross_entropy(
        tf.math.log(tf.constant(np.roll(target, 1, axis=-1)) + 1e-9), tf.constant(offsets), both
    )
    assert float(worse) > float(best) + 0.5
    assert float(far) > 1.0


@pytest.fixture(scope="module")
def batch():
    """Two pairs of noise: B is A shifted by a cell."""
    generator = np.random.default_rng(0)
    noise = generator.uniform(0, 255, [2, SIZE, SIZE + 8]).astype(np.float32)
    patches = np.stack([noise[:, :, 8:], noise[:, :, :-8]], axis=-1)
    positions = matching_pairs.cell_centers(SIZE).numpy() + np.float32([8, 0])
    visible = positions[:, 0] < SIZE
    b_from_a = np.array([[1, 0, 8], [0, 1, 0], [0, 0, 1]], np.float32)
    labels = (b_from_a, np.where(visible[:, None], positions, 0.0).astype(np.float32), visible)
    return patches, tuple(np.stack([label] * 2) for label in labels)


@pytest.mark.long
def test_a_matcher_learns_a_batch_and_validation_sees_it(batch):
    keras.utils.set_random_seed(0)
    model = matching_model.MatchingModel(models.build("matcher", width=0.25), SIZE)
    model.compile(keras.optimizers.Adam(3e-3))
    patches, labels = batch
    dataset = tf.data.Dataset.from_tensors((patches, labels))
    first = model.fit(dataset, verbose=0).history["loss"][0]
    model.fit(dataset.repeat(40), verbose=0)
    history = model.fit(dataset.repeat(5), verbose=0).history
    assert history["loss"][0] < 0.5 * first
    assert history["matched"][0] > 0.9
    assert set(history) == {"loss", "matched", "fine_error", "reliable"}

    # With the statistics of this batch: those of batch normalization lag behind.
    validation = matching_validation.MatchingValidation(dataset)
    summary, picture = validation.measure(
        lambda pairs: tf.nest.flatten(model(pairs, training=True))
    )
    assert summary["error"] < 2.0
    assert summary["under_3px"] == 1.0
    assert picture.shape == (2 * SIZE, 2 * SIZE, 3)
    identity = validation.identity()
    assert identity["error"] == pytest.approx(8.0)
    assert identity["under_5px"] == 0.0
    assert "100.0% within 3" in validation.describe("noise", summary, identity)
