"""Checkpoints of a training run: save, resume, keep the best round."""

import json
import pathlib
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_homography.utils import files


class Checkpoints(keras.callbacks.Callback):
    """Save the last state of the run and the weights of its best round, and resume from them.

    `tf.train.CheckpointManager` names a checkpoint as the newest only after it is written, so that
    a kill at any moment leaves the previous one.

    Args:
      model: Compiled, with all variables built.
      output_dir: Folder of the run.
      batch_size: Pairs in a batch, over all workers.
      criterion: Figure of validation that is lowest in the best round.
      writes: Whether this process writes; the others only resume and count steps.

    Attributes:
      step: How many batches the run has trained on.
      batch_size: Pairs in a batch.
      history: `[{step, pairs, seconds, loss, val_mace, ...}]`, one entry a round.
    """

    def __init__(
        self,
        model: keras.Model,
        output_dir: str | pathlib.Path,
        batch_size: int,
        criterion: str | None = "mace",
        writes: bool = True,
    ) -> None:
        super().__init__()
        self._criterion = f"val_{criterion}"
        self.batch_size = batch_size
        self._writes = writes
        folder = pathlib.Path(output_dir) / "checkpoints"
        self._history_file = pathlib.Path(output_dir) / "history.json"
        self._step = tf.Variable(0, dtype=tf.int64)
        self._seconds = tf.Variable(0.0, dtype=tf.float64)
        self._lowest = tf.Variable(np.inf, dtype=tf.float64)
        state = tf.train.Checkpoint(  # these names are part of the format
            model=model,
            optimizer=model.optimizer,
            step=self._step,
            seconds=self._seconds,
            least=self._lowest,
        )
        self._last = tf.train.CheckpointManager(state, str(folder / "last"), max_to_keep=2)
        self._best = tf.train.CheckpointManager(
            tf.train.Checkpoint(model=model), str(folder / "best"), max_to_keep=1
        )
        self._begin = time.monotonic()
        self._step_of_round = 0
        self.step: int = 0
        self.history: list[dict[str, float]] = []

    def resume(self) -> int:
        """Restore the last state, if there is one.

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
    def best_step(self) -> int | None:
        """The step of the best round; None before the first."""
        return _step_of(self._best.latest_checkpoint)

    def restore_best(self) -> None:
        """Restore the weights of the best round into the model."""
        self._best.checkpoint.restore(self._best.latest_checkpoint).expect_partial()

    def save(self) -> None:
        """Save the state at the present step, unless it is saved already."""
        if not self._writes or _step_of(self._last.latest_checkpoint) == self.step:
            return
        now = time.monotonic()
        self._seconds.assign_add(now - self._begin)
        self._begin = now
        self._step.assign(self.step)
        files.write_text(self._history_file, json.dumps(self.history, indent=1))
        self._last.save(checkpoint_number=self.step)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self._begin = time.monotonic()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Remember where the round began: Keras counts batches within it."""
        self._step_of_round = self.step

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Count the batch."""
        self.step = self._step_of_round + batch + 1

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Record the round, and save the state and, if it is the best round, its weights."""
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
        if logs[self._criterion] < float(self._lowest):
            self._lowest.assign(logs[self._criterion])
            self._best.save(checkpoint_number=self.step)
        self.save()


def _step_of(checkpoint: str | None) -> int | None:
    """The step in a checkpoint's name; None if there is no checkpoint."""
    return int(checkpoint.rsplit("-", 1)[1]) if checkpoint else None
