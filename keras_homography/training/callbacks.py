"""Keras callbacks of a training run: speed, validation in pixels, end by divergence."""

import functools
import pathlib
import time
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_homography.training.validation import ValidationSet
from keras_homography.utils import files
from keras_homography.visualization import image_output


class DivergedError(Exception):
    """The loss became NaN or infinite."""


class Throughput(keras.callbacks.Callback):
    """Add `pairs_per_second`, the mean over the round, to the logs and so to the progress bar.

    Args:
      batch_size: Pairs in a batch, over all workers.
    """

    def __init__(self, batch_size: int) -> None:
        super().__init__()
        self._batch_size = batch_size
        self._begin = self._end = 0.0
        self._batches = 0

    def _mean(self) -> float:
        return self._batches * self._batch_size / (self._end - self._begin)

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock of the round."""
        self._begin, self._batches = time.monotonic(), 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Count the batch and update the logs."""
        self._batches = batch + 1
        self._end = time.monotonic()
        logs["pairs_per_second"] = self._mean()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Add the mean of the round to its logs."""
        logs["pairs_per_second"] = self._mean()


class Validation(keras.callbacks.Callback):
    """Measure the validation pairs after every round, and draw some of them.

    The figures of the round join Keras's logs, as `val_mace`, `val_median` and so on; the picture
    goes to `validation.png` and to TensorBoard.

    Args:
      validation_set: The pairs.
      output_dir: Folder of the run.
    """

    def __init__(self, validation_set: ValidationSet, output_dir: str | pathlib.Path) -> None:
        super().__init__()
        self._validation_set = validation_set
        self._output_dir = pathlib.Path(output_dir)

    @functools.cached_property
    def _predict(self) -> Any:
        # Not `Model.predict`, in which all workers of a cluster would have to take part.
        return tf.function(
            lambda patches: tf.nest.flatten(self.model(patches, training=False)), autograph=False
        )

    @functools.cached_property
    def _writer(self) -> tf.summary.SummaryWriter:
        return tf.summary.create_file_writer(str(self._output_dir / "logs"))

    def measure(self) -> tuple[dict[str, float], np.ndarray]:
        """Run the model on the validation pairs.

        Returns:
          `(summary, picture)`: figures by name, and uint8 `[height, width, 3]`, RGB.
        """
        return self._validation_set.measure(self._predict)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any]) -> None:
        """Measure, and write the picture."""
        summary, picture = self.measure()
        logs.update({f"val_{name}": value for name, value in summary.items()})
        with files.atomic_write(self._output_dir / "validation.png") as temporary:
            image_output.write_png(temporary, picture)
        with self._writer.as_default():
            tf.summary.image("validation", picture[None], step=epoch)
        self._writer.flush()


class RaiseOnDivergence(keras.callbacks.Callback):
    """Raise `DivergedError` after the first batch whose loss is NaN or infinite.

    Not `keras.callbacks.TerminateOnNaN(raise_error=True)`: its `RuntimeError` could not be told
    from one of TensorFlow or Keras, which must keep their traceback.
    """

    def on_train_batch_end(self, batch: int, logs: dict[str, Any]) -> None:
        """Check the loss of the batch."""
        if not np.isfinite(logs["loss"]):
            raise DivergedError
