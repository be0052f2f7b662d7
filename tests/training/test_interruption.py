"""Signals, and batches that do not come."""

import os
import signal
import threading
import time

import pytest
import tensorflow as tf
from helpers.tiny_runs import TinyRun, random_batches

from keras_homography.data import tf_data_service
from keras_homography.training import interruption, training_loop
from keras_homography.utils.errors import UserError


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_between_two_batches(number, capfd):
    callback, handler = interruption.StopOnSignal(), signal.getsignal(number)
    with callback:
        callback.on_train_batch_end(0)
        os.kill(os.getpid(), number)
        with pytest.raises(interruption.StopRequestedError) as stop:
            callback.on_train_batch_end(1)
        wait_for(lambda: "A second signal ends at once" in capfd.readouterr().err)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert stop.value.args == (number,)
    assert signal.getsignal(number) is handler


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_signals_are_left_alone_outside_the_main_thread():
    entered = []

    def enter():
        with interruption.StopOnSignal() as callback:
            callback.on_train_batch_end(0)
            entered.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert entered == [signal.getsignal(signal.SIGTERM)]


def endless_errors(step):
    """The batches of a step, four of them, and then none, for ever, without an end."""

    def fail(position):
        with tf.control_dependencies([tf.debugging.Assert(position < 0, ["broken"])]):
            return tf.identity(position)

    nothing = tf.data.Dataset.range(tf.int64.max).map(fail).ignore_errors()
    batches = random_batches(step)
    return batches.take(5).concatenate(nothing.flat_map(lambda _: batches))


def test_a_second_signal_ends_a_batch_that_never_comes(tmp_path):
    """In this process, which goes on: TensorFlow waits, and hears no signal."""
    run = TinyRun(tmp_path)

    def send():
        wait_for(lambda: run.checkpoints.step == 5)
        for _ in range(2):
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGINT)

    sender = threading.Thread(target=send)
    sender.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run.fit(8, endless_errors)
    assert time.monotonic() - begin < 100
    sender.join()
    assert TinyRun(tmp_path).resumed_at == 4


def test_a_watch_lets_a_slow_service_work_and_ends_a_dead_one(monkeypatch):
    answers = [True, True, False]
    monkeypatch.setattr(tf_data_service, "is_alive", lambda address, timeout: answers.pop(0))
    cancelled = threading.Event()

    class Cancellation:
        cancel = cancelled.set

    watch = interruption.DataServiceWatch("grpc://a:1", Cancellation(), patience=0.05)
    with watch:
        assert not cancelled.wait(0.3)  # nobody waits for a batch
        watch.on_train_batch_begin(0)
        watch.on_train_batch_end(0)
        assert not cancelled.wait(0.3)
        assert len(answers) == 3
        watch.on_train_batch_begin(1)
        assert cancelled.wait(30)
    assert not answers
    assert "The data service at grpc://a:1 has made no batch for" in watch.reason
    assert "does not answer" in watch.reason


def test_a_service_that_answers_and_makes_no_batch_has_a_limit(monkeypatch):
    monkeypatch.setattr(tf_data_service, "is_alive", lambda address, timeout: True)
    cancelled = threading.Event()

    class Cancellation:
        cancel = cancelled.set

    watch = interruption.DataServiceWatch("grpc://a:1", Cancellation(), patience=0.05, limit=0.2)
    with watch:
        watch.on_train_batch_begin(0)
        assert cancelled.wait(30)
    assert "does not answer" not in watch.reason


def test_images_that_disappear_end_the_run_with_its_state_saved(tmp_path):
    run = TinyRun(tmp_path)

    def batches(step):
        def check(position, batch):
            message = "UserError: No image of 'mine' can be read any more."
            with tf.control_dependencies([tf.debugging.Assert(position < 6, [message])]):
                return tf.nest.map_structure(tf.identity, batch)

        return random_batches(step).enumerate().map(check)

    with pytest.raises(UserError, match="No image of 'mine' can be read any more"):
        run.fit(12, batches)
    assert TinyRun(tmp_path).resumed_at == 6


@pytest.mark.parametrize("error", [tf.errors.NotFoundError, tf.errors.DataLossError])
def test_files_of_a_dataset_that_disappear_are_named(error):
    reason = training_loop._missing_data(error(None, None, "/data/coco.tfrecord; No such file"))
    assert "The dataset cannot be read any more: /data/coco.tfrecord; No such file" in reason
    assert training_loop._missing_data(tf.errors.InternalError(None, None, "a fault")) is None
