"""The expected corner error against the table it interpolates, eagerly and in `tf.data`."""

import numpy as np
import pytest
import tensorflow as tf

from keras_homography.layers import expected_error
from keras_homography.layers.lucas_kanade import Refined


def refined(disagreement, last_step):
    count = len(disagreement)
    return Refined(tf.zeros([count, 4, 2]), tf.constant(disagreement), tf.constant(last_step))


def test_the_table_is_met_and_followed():
    doubts = np.array(list(expected_error._MEAN_ERRORS), np.float32)
    errors = expected_error.expected_corner_error(refined(doubts, 0 * doubts))
    np.testing.assert_allclose(errors, list(expected_error._MEAN_ERRORS.values()), rtol=1e-4)
    many = np.geomspace(1e-3, 1e3, 200, dtype=np.float32)
    between = np.interp(
        np.log(many), np.log(doubts), np.log(list(expected_error._MEAN_ERRORS.values()))
    )
    errors = expected_error.expected_corner_error(refined(many, 0 * many))
    np.testing.assert_allclose(errors, np.exp(between), rtol=1e-3)


@pytest.mark.parametrize("last_step", [0.0, 0.1])
def test_the_last_step_counts_three_times(last_step):
    disagreement = np.array([0.4, 1.0], np.float32)
    steps = np.full(2, last_step, np.float32)
    together = expected_error.expected_corner_error(refined(disagreement, steps))
    alone = expected_error.expected_corner_error(refined(disagreement + 3 * steps, 0 * steps))
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_in_a_dataset():
    dataset = tf.data.Dataset.from_tensors(([0.1, 50.0], [0.0, 0.0]))
    errors = dataset.map(
        lambda disagreement, last_step: expected_error.expected_corner_error(
            Refined(tf.zeros([2, 4, 2]), disagreement, last_step)
        )
    )
    np.testing.assert_allclose(next(iter(errors)), [0.003, 32.0], rtol=1e-4)
