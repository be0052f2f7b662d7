"""Checkpoints of a training run: save, resume, keep the best."""

import json
import pathlib
import time

import keras
import numpy as np
import tensorflow as tf

from keras_homography.utils import files


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
