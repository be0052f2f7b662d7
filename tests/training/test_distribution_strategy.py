"""Distribution strategies: which devices are used, and that two train like one."""

import types

import numpy as np
import pytest
import tensorflow as tf
from helpers import programs

from keras_homography.training import distribution_strategy
from keras_homography.utils.errors import UserError


def test_no_gpus_are_the_cpu():
    strategy = distribution_strategy.make_strategy(0)
    assert strategy.num_replicas_in_sync == 1
    assert "CPU" in strategy.extended.worker_devices[0]
    assert not distribution_strategy.is_of_cluster(strategy)


@pytest.mark.parametrize("more", [1, 64])
def test_more_gpus_than_visible_are_refused(more):
    gpus = len(tf.config.list_logical_devices("GPU")) + more
    with pytest.raises(UserError, match=f"--gpus={gpus}, but TensorFlow sees"):
        distribution_strategy.make_strategy(gpus)


def test_a_batch_has_to_be_divided_among_the_devices():
    strategy = types.SimpleNamespace(num_replicas_in_sync=4)
    distribution_strategy.check_batch_size(8, 2, strategy)
    with pytest.raises(UserError, match=r"--batch_size=9 must be a multiple of the 4 devices"):
        distribution_strategy.check_batch_size(9, 2, strategy)


def test_one_machine_gets_its_batches_as_they_are():
    batches = tf.data.Dataset.range(3)
    strategy = distribution_strategy.make_strategy(0)
    assert distribution_strategy.distribute_batches(strategy, batches) is batches


@pytest.mark.long
@pytest.mark.parametrize("loss", ["l2", "photometric"])
def test_two_replicas_train_like_one(tmp_path, loss):
    """By a loss that Keras divides by the replicas, and by one of our own."""
    path = tmp_path / "weights.npy"
    result = programs.run("helpers.mirrored_training", loss, str(path))
    assert result.returncode == 0, result.stderr
    one, two = np.load(path)
    np.testing.assert_allclose(one, two, atol=1e-5)
