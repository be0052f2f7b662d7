"""The training loop: rounds, executions of several steps, an orderly end."""

import os
import signal

import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_runs import TinyRun, random_batches

from keras_homography.data import batching, pairs, sources
from keras_homography.data.pair_spec import PairSpec
from keras_homography.training import callbacks, interruption, training_loop


def test_rounds_are_validated_and_recorded(tmp_path):
    checkpoints = TinyRun(tmp_path).fit(10).checkpoints
    assert [entry["step"] for entry in checkpoints.history] == [4, 8, 10]
    assert [entry["pairs"] for entry in checkpoints.history] == [16, 32, 40]
    for entry in checkpoints.history:
        assert 0 < entry["val_median"] <= entry["val_p99"]
        assert entry["pairs_per_second"] > 0
        assert np.isfinite(entry["loss"])
    best = min(checkpoints.history, key=lambda entry: entry["val_mace"])
    assert checkpoints.best_step == best["step"]


def test_a_signal_saves_and_stops(tmp_path, monkeypatch):
    def send_at_third(_, batch, logs=None):
        if batch == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(callbacks.Validation, "on_train_batch_end", send_at_third, raising=False)
    run = TinyRun(tmp_path)
    handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(interruption.StopRequestedError) as stop:
        run.fit(8)
    assert stop.value.args == (signal.SIGTERM,)
    assert signal.getsignal(signal.SIGTERM) is handler
    assert run.checkpoints.step == 3
    assert TinyRun(tmp_path).resumed_at == 3


def test_a_loss_that_is_not_finite_leaves_the_last_saved_state(tmp_path):
    run = TinyRun(tmp_path)

    def batches(step):
        return (
            random_batches(step)
            .enumerate()
            .map(lambda i, batch: (batch[0], batch[1] * tf.where(i < 6, 1.0, np.nan)))
        )

    with pytest.raises(callbacks.DivergedError):
        run.fit(12, batches)
    resumed = TinyRun(tmp_path)
    assert resumed.resumed_at == 4
    assert np.isfinite(resumed.weights).all()


def test_steps_in_one_execution_count_as_steps(tmp_path):
    plain = TinyRun(tmp_path / "plain").fit(8)
    together = TinyRun(tmp_path / "together", steps_per_execution=4).fit(8)
    assert [entry["step"] for entry in together.checkpoints.history] == [4, 8]
    np.testing.assert_allclose(together.weights, plain.weights, atol=1e-5)
    with pytest.raises(ValueError, match=r"the steps \(10, from 8\) .* must be multiples"):
        together.fit(10)


@pytest.mark.long
def test_pairs_made_in_the_step_train_the_same(tmp_path):
    spec = PairSpec(patch_size=16, rho=4, image_width=48, image_height=40)
    source = sources.open_source("synthetic", "train", height=40, width=48, min_side=16)

    def image_batches(step):
        return batching.image_batches(source, seed=0, batch_size=4, start_step=step)

    def pair_batches(step):
        return batching.pair_batches(source, spec, seed=0, batch_size=4, start_step=step)

    on_host = TinyRun(tmp_path / "host").fit(4, pair_batches)
    make_pairs = pairs.make_pair_fn(0, spec)
    on_device = TinyRun(tmp_path / "device", make_pairs=make_pairs).fit(4, image_batches)
    np.testing.assert_allclose(on_device.weights, on_host.weights, atol=1e-5)


def test_segments_end_where_rounds_end():
    assert list(training_loop._segments(0, 10, 4)) == [(0, 2, 4), (2, 3, 2)]
    assert list(training_loop._segments(6, 17, 4)) == [(1, 2, 2), (2, 4, 4), (4, 5, 1)]
    assert list(training_loop._segments(8, 8, 4)) == []
