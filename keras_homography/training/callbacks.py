"""Keras callbacks of a training run: speed, validation in pixels, checkpoints, an orderly end."""

import functools
import pathlib
import signal
import time

import keras
import numpy as np
import tensorflow as tf

from keras_homography import models
from keras_homography.utils import files
from keras_homography.visualization import image_output


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
        with files.atomic_write(self._output_dir / "validation.png") as beside:
            image_output.write_png(beside, picture)
        with self._writer.as_default():
            tf.summary.image("validation", picture[None], step=epoch)
        self._writer.flush()


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
