"""Checkpoints of a training run: save, resume, keep the best round."""

import functools
import json
import pathlib
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_homography.training import checkpoint_files
from keras_homography.utils import files
from keras_homography.utils.errors import UserError


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

    Raises:
      UserError: An index of checkpoints in the folder leads out of it.
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
        self._folder = pathlib.Path(output_dir) / "checkpoints"
        for name in ("last", "best"):
            checkpoint_files.list_names(self._folder / name)  # before TensorFlow reads the index
        self._history_file = pathlib.Path(output_dir) / "history.json"
        self._step = tf.Variable(0, dtype=tf.int64)
        self._seconds = tf.Variable(0.0, dtype=tf.float64)
        self._lowest = tf.Variable(np.inf, dtype=tf.float64)
        self._state = tf.train.Checkpoint(  # these names are part of the format
            model=model,
            optimizer=model.optimizer,
            step=self._step,
            seconds=self._seconds,
            least=self._lowest,
        )
        self._best_state = tf.train.Checkpoint(model=model)
        self._is_best_lost = False
        self._begin = time.monotonic()
        self._step_of_round = 0
        self.step: int = 0
        self.history: list[dict[str, float]] = []

    # Opened after `resume` has made sound indexes of damaged ones.
    @functools.cached_property
    def _last(self) -> tf.train.CheckpointManager:
        return tf.train.CheckpointManager(self._state, str(self._folder / "last"), max_to_keep=2)

    @functools.cached_property
    def _best(self) -> tf.train.CheckpointManager:
        return tf.train.CheckpointManager(
            self._best_state, str(self._folder / "best"), max_to_keep=1
        )

    def resume(self) -> int:
        """Restore the last state that can be read, if there is one, and say what was lost.

        Returns:
          The step it was saved at; 0 for a new run.

        Raises:
          UserError: There are states, and none can be read.
        """
        names = checkpoint_files.list_names(self._folder / "last")
        if names:
            names = self._restore_newest(names)
            self.step = int(self._step)
            self.history = self._read_history()
        best = checkpoint_files.list_names(self._folder / "best")[:1]
        if best and not self._is_readable(best[0]):
            best = []
            self._is_best_lost = True
            self._lowest.assign(np.inf)
        if self._writes:
            checkpoint_files.write_index(self._folder / "last", names)
            checkpoint_files.write_index(self._folder / "best", best)
        return self.step

    def _restore_newest(self, names: list[str]) -> list[str]:
        """Restore the first checkpoint that can be read; return it and those after it."""
        reasons = []
        for number, name in enumerate(names):
            try:
                restored = self._state.restore(str(self._folder / "last" / name))
                restored.assert_existing_objects_matched()
            except checkpoint_files.UNREADABLE as error:
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                reasons.append(f"step {checkpoint_files.step_of(name)} ({reason:.200})")
                continue
            if reasons:
                step = checkpoint_files.step_of(name)
                print(
                    f"Checkpoints that cannot be read: {', '.join(reasons)}. Going on from the one "
                    f"before, step {step}: what was learned after it is lost."
                )
            return names[number:]
        raise UserError(
            f"No checkpoint in {self._folder / 'last'} can be read: {', '.join(reasons)}. Give "
            "another --output_dir, or bring the files back from a copy."
        )

    def _read_history(self) -> list[dict[str, float]]:
        """Return the rounds up to the present step, from `history.json` or its copy."""
        for path in (self._history_file, self._folder / "history.json"):
            history = checkpoint_files.read_history(path)
            if history is not None:
                return [entry for entry in history if entry["step"] <= self.step]
            if path == self._history_file:
                print(f"{path} cannot be read.")
        print(f"The figures of the rounds before step {self.step} are lost; the weights are not.")
        return []

    def _is_readable(self, name: str) -> bool:
        """Whether the weights of the best round can be read; else say so."""
        try:
            checkpoint_files.check_readable(self._folder / "best" / name)
        except checkpoint_files.UNREADABLE:
            print(
                f"The weights of the best round, step {checkpoint_files.step_of(name)}, cannot be "
                "read and are lost: the best of the rounds from now on takes their place."
            )
            return False
        return True

    @property
    def best_step(self) -> int | None:
        """The step of the best round; None before the first."""
        if self._best.latest_checkpoint:
            return checkpoint_files.step_of(self._best.latest_checkpoint)
        return self.step if self._is_best_lost else None

    def restore_best(self) -> None:
        """Restore the weights of the best round into the model; the last ones if they are lost."""
        if self._best.latest_checkpoint or not self._is_best_lost:
            self._best_state.restore(self._best.latest_checkpoint).expect_partial()

    def save(self) -> None:
        """Save the state at the present step, unless it is saved already."""
        newest = self._last.latest_checkpoint
        if not self._writes or (newest and checkpoint_files.step_of(newest) == self.step):
            return
        now = time.monotonic()
        self._seconds.assign_add(now - self._begin)
        self._begin = now
        self._step.assign(self.step)
        text = json.dumps(self.history, indent=1)
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in (self._history_file, self._folder / "history.json"):
            files.write_text(path, text)
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
