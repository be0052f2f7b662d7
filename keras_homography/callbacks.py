"""Keras callbacks of a training run: speed, validation in pixels, checkpoints, an orderly end."""

import functools
import json
import pathlib
import signal
import time

import keras
import numpy as np
import tensorflow as tf

from keras_homography import figures, files, models


class Throughput(keras.callbacks.Callback):
    """Adds `pairs_per_second` to the logs and so to the progress bar: the mean over the round."""

    def __init__(self, batch_size):
        super().__init__()
        self._batch_size = batch_size

    def _mean(self):
        return self._batches * self._batch_size / (self._end - self._begin)

    def on_epoch_begin(self, epoch, logs=None):
        self._begin, self._batches = time.monotonic(), 0

    def on_train_batch_end(self, batch, logs=None):
        self._batches = batch + 1
        self._end = time.monotonic()
        logs["pairs_per_second"] = self._mean()

    def on_epoch_end(self, epoch, logs=None):
        logs["pairs_per_second"] = self._mean()


class Validation(keras.callbacks.Callback):
    """After every round: the figures of the validation pairs, and a picture of some.

    The round's figures join Keras's logs, as `val_mace`, `val_median` and so on.
    """

    def __init__(self, pairs, output_dir):
        """Args: `pairs`, of `validation`; the run's folder."""
        super().__init__()
        self._pairs = pairs
        self._output_dir = pathlib.Path(output_dir)

    @functools.cached_property
    def _predict(self):
        # Not `Model.predict`, in which all workers of a cluster would have to take part.
        return tf.function(
            lambda patches: tf.nest.flatten(self.model(patches, training=False)), autograph=False
        )

    @functools.cached_property
    def _writer(self):
        return tf.summary.create_file_writer(str(self._output_dir / "logs"))

    def measure(self):
        """Runs the model on the validation pairs.

        Returns:
          `(summary, picture)` of the pairs.
        """
        batches = tf.data.Dataset.from_tensor_slices(self._pairs.patches).batch(64)
        outputs = [self._predict(patches) for patches in batches]
        h4pt = np.concatenate([output[0] for output in outputs])
        probabilities = outputs[0][-1].numpy() if models.classifies(self.model) else None
        return self._pairs.summarize(h4pt), self._pairs.draw(h4pt, probabilities)

    def on_epoch_end(self, epoch, logs=None):
        summary, picture = self.measure()
        logs.update({f"val_{name}": value for name, value in summary.items()})
        with files.replacing(self._output_dir / "validation.png") as beside:
            figures.write_png(beside, picture)
        with self._writer.as_default():
            tf.summary.image("validation", picture[None], step=epoch)
        self._writer.flush()


def _step_of(checkpoint):
    """The step in a checkpoint's name; None if there is no checkpoint."""
    return int(checkpoint.rsplit("-", 1)[1]) if checkpoint else None


class Checkpoints(keras.callbacks.Callback):
    """Keeps the last state of the whole run and the weights of its best round; resumes.

    `tf.train.CheckpointManager` names a checkpoint as the newest only after it is written, so that
    a kill at any moment leaves the one before.

    Attributes:
      step: how many batches the run has trained on.
      batch_size: pairs in each.
      history: `[{step, pairs, seconds, loss, val_mace, ...}]`, one for every round.
    """

    def __init__(self, model, output_dir, batch_size, criterion="mace", writes=True):
        """Args: the model, compiled; the run's folder; pairs in a batch; the figure of validation
        that is lowest in the best round; whether this is the process that writes, or one that
        only resumes and counts."""
        super().__init__()
        self._criterion = f"val_{criterion}"
        self.batch_size = batch_size
        self._writes = writes
        folder = pathlib.Path(output_dir) / "checkpoints"
        self._history_file = pathlib.Path(output_dir) / "history.json"
        self._step = tf.Variable(0, dtype=tf.int64)
        self._seconds = tf.Variable(0.0, dtype=tf.float64)
        self._least = tf.Variable(np.inf, dtype=tf.float64)
        state = tf.train.Checkpoint(
            model=model,
            optimizer=model.optimizer,
            step=self._step,
            seconds=self._seconds,
            least=self._least,
        )
        self._last = tf.train.CheckpointManager(state, str(folder / "last"), max_to_keep=2)
        self._best = tf.train.CheckpointManager(
            tf.train.Checkpoint(model=model), str(folder / "best"), max_to_keep=1
        )
        self._begin = time.monotonic()
        self.step: int = 0
        self.history: list[dict[str, float]] = []

    def resume(self):
        """Restores the last state, if there is one.

        Returns:
          The step it was saved at; 0 for a new run.
        """
        if self._last.latest_checkpoint:
            self._last.checkpoint.restore(
                self._last.latest_checkpoint
            ).assert_existing_objects_matched()
            self.step = int(self._step)
            history = json.loads(self._history_file.read_text(encoding="utf-8"))
            self.history = [entry for entry in history if entry["step"] <= self.step]
        return self.step

    @property
    def best_step(self):
        """The step of the best round."""
        return _step_of(self._best.latest_checkpoint)

    def restore_best(self):
        """Gives the model the weights of the best round."""
        self._best.checkpoint.restore(self._best.latest_checkpoint).expect_partial()

    def save(self):
        """Saves the state at the present step, if that is not done already."""
        if not self._writes or _step_of(self._last.latest_checkpoint) == self.step:
            return
        now = time.monotonic()
        self._seconds.assign_add(now - self._begin)
        self._begin = now
        self._step.assign(self.step)
        files.write_text(self._history_file, json.dumps(self.history, indent=1))
        self._last.save(checkpoint_number=self.step)

    def on_train_begin(self, logs=None):
        self._begin = time.monotonic()

    def on_epoch_begin(self, epoch, logs=None):
        self._step_of_round = self.step

    def on_train_batch_end(self, batch, logs=None):
        self.step = self._step_of_round + batch + 1

    def on_epoch_end(self, epoch, logs=None):
        if not self._writes:
            return
        seconds = float(self._seconds) + time.monotonic() - self._begin
        self.history.append(
            {
                "step": self.step,
                "pairs": self.step * self.batch_size,
                "seconds": round(seconds, 1),
                **{name: float(value) for name, value in logs.items()},
            }
        )
        if logs[self._criterion] < float(self._least):
            self._least.assign(logs[self._criterion])
            self._best.save(checkpoint_number=self.step)
        self.save()


class StopRequestedError(Exception):
    """A signal asked the run to stop; its number is `args[0]`."""


class DivergedError(Exception):
    """The loss is not finite any more."""


class OrderlyEnd(keras.callbacks.Callback):
    """Ends `fit` between two batches: on SIGINT or SIGTERM, and on a loss that is not finite.

    As a context manager around `fit` it takes over the two signals. A second SIGINT interrupts at
    once.

    Raises:
      StopRequestedError: a signal came.
      DivergedError: the loss is NaN or infinite.
    """

    def __enter__(self):
        self._received = None
        self._handlers = {
            number: signal.signal(number, self._receive)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        return self

    def __exit__(self, *exception):
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def _receive(self, number, frame):
        if self._received:
            raise KeyboardInterrupt
        self._received = number

    def on_train_batch_end(self, batch, logs=None):
        if not np.isfinite(logs["loss"]):
            raise DivergedError
        if self._received:
            raise StopRequestedError(self._received)
