"""Checkpoints: a run that was interrupted ends like one that was not."""

import json

import numpy as np
import pytest
from helpers.tiny_runs import TinyRun, tiny_model

from keras_homography.training import mixed_precision


@pytest.fixture(scope="module")
def last_weights(tmp_path_factory):
    """Weights of ten steps that nothing interrupted."""
    return TinyRun(tmp_path_factory.mktemp("whole")).fit(10).weights


@pytest.mark.parametrize("stop", [4, 6])
def test_a_resumed_run_ends_like_an_uninterrupted_one(last_weights, tmp_path, stop):
    """Stopped at the end of a round and in the middle of one."""
    TinyRun(tmp_path).fit(stop)
    resumed = TinyRun(tmp_path)
    assert resumed.resumed_at == stop
    resumed.fit(10)
    np.testing.assert_allclose(resumed.weights, last_weights, atol=1e-5)
    assert resumed.checkpoints.history[-1]["step"] == 10
    assert resumed.model.optimizer.iterations == 10


def test_the_best_weights_are_those_of_the_round_with_the_lowest_error(tmp_path):
    """A round with a lower error is kept although another follows it."""
    run = TinyRun(tmp_path)
    run.checkpoints.on_train_begin()
    weights = {}
    for step, mace in [(1, 3.0), (2, 1.0), (3, 2.0)]:
        run.model.set_weights([weight + step for weight in run.model.get_weights()])
        weights[step] = run.weights
        run.checkpoints.on_epoch_begin(step)
        run.checkpoints.on_train_batch_end(0)
        run.checkpoints.on_epoch_end(step, {"loss": 0.0, "val_mace": mace})
    assert run.checkpoints.best_step == 2
    resumed = TinyRun(tmp_path)
    np.testing.assert_array_equal(resumed.weights, weights[3])
    resumed.checkpoints.restore_best()
    np.testing.assert_array_equal(resumed.weights, weights[2])


def test_a_round_that_was_not_saved_is_forgotten(tmp_path):
    """The history is written before the checkpoint: a kill between them leaves an entry more."""
    run = TinyRun(tmp_path).fit(4)
    history = [*run.checkpoints.history, {"step": 8}]
    (tmp_path / "history.json").write_text(json.dumps(history))
    assert [entry["step"] for entry in TinyRun(tmp_path).checkpoints.history] == [4]


def test_another_process_resumes_and_does_not_write(tmp_path):
    run = TinyRun(tmp_path).fit(4)
    reader = type(run.checkpoints)(run.model, tmp_path, batch_size=4, criterion=None, writes=False)
    assert reader.resume() == 4
    before = sorted((tmp_path / "checkpoints").rglob("*"))
    reader.on_epoch_begin(1)
    reader.on_train_batch_end(3)
    reader.on_epoch_end(1, {"loss": 0.0})
    reader.save()
    assert reader.step == 8
    assert sorted((tmp_path / "checkpoints").rglob("*")) == before


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_trains_and_resumes(tmp_path, policy):
    """float16 has a scale of the loss to restore."""
    with mixed_precision.dtype_policy(policy):
        run = TinyRun(tmp_path).fit(4)
        resumed = TinyRun(tmp_path)
    assert run.model.get_layer("convolution").compute_dtype == policy.removeprefix("mixed_")
    assert tiny_model().get_layer("convolution").compute_dtype == "float32"
    assert np.isfinite(run.checkpoints.history[0]["loss"])
    np.testing.assert_array_equal(resumed.weights, run.weights)
