"""End a batch that does not come: by a signal, or because the data service has died."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import keras

# No public name cancels a step that waits for its batch, and nothing else ends it.
from tensorflow.python.eager import cancellation

from keras_homography.data import tf_data_service
from keras_homography.utils import stop_signals


class StopRequestedError(Exception):
    """A signal asked the run to stop; its number is `args[0]`."""


class Cancellation:
    """Cancels the TensorFlow functions that run within a block, from another thread."""

    def __init__(self) -> None:
        self._manager: Any = None

    @contextlib.contextmanager
    def cancellable(self) -> Iterator[None]:
        """Make the functions that are called in the block raise `CancelledError` on `cancel`."""
        self._manager = cancellation.CancellationManager()
        with cancellation.CancellationManagerContext(self._manager):
            yield
        self._manager = None

    def cancel(self) -> None:
        """End the function that runs now; do nothing outside of the block."""
        if self._manager is not None:
            self._manager.start_cancel()


class StopOnSignal(keras.callbacks.Callback):
    """Raise `StopRequestedError` between two batches, after SIGINT or SIGTERM.

    As a context manager around `fit` it takes over the two signals, in the main thread. A second
    signal interrupts at once, also while the batch does not come.

    Args:
      cancellation_: Of the functions that a second signal ends.
    """

    def __init__(self, cancellation_: Cancellation | None = None) -> None:
        super().__init__()
        self._signals = stop_signals.StopSignals(
            self._announce, cancellation_.cancel if cancellation_ else None
        )

    def __enter__(self) -> "StopOnSignal":
        self._signals.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._signals.__exit__(*exception)

    @property
    def interrupted(self) -> bool:
        """Whether a second signal came, of which Python may not have told the main thread."""
        return self._signals.interrupted

    @staticmethod
    def _announce(number: int) -> None:
        stop_signals.write_error(
            "\nStopping after this batch. A second signal ends at once, and loses what was "
            "learned since the last round.\n"
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Raise if a signal came."""
        if self._signals.received:
            raise StopRequestedError(self._signals.received)


class DataServiceWatch(keras.callbacks.Callback):
    """Cancel a batch that does not come because the data service that makes it has died.

    A batch may take long. So once one has not come for `patience` seconds, the service is asked for
    a number, which takes a dispatcher and a worker; only if it does not give one within `timeout`
    seconds, or no batch comes for `limit` seconds, the batch is cancelled.

    Args:
      address: Of the service, `grpc://host:port`.
      cancellation_: Of the functions that wait for batches.
      patience: Seconds.
      timeout: Seconds.
      limit: Seconds.

    Attributes:
      reason: Why the batch was cancelled; None before.
    """

    def __init__(
        self,
        address: str,
        cancellation_: Cancellation,
        patience: float = 30.0,
        timeout: float = 30.0,
        limit: float = 1800.0,
    ) -> None:
        super().__init__()
        self._address, self._cancellation = address, cancellation_
        self._patience, self._timeout, self._limit = patience, timeout, limit
        self._waiting_since: float | None = None
        self._ended = threading.Event()
        self.reason: str | None = None

    def __enter__(self) -> "DataServiceWatch":
        self._ended.clear()
        threading.Thread(target=self._watch, name="data service watch", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        self._waiting_since = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Stop the clock: validation and saving may take as long as they like."""
        self._waiting_since = None

    def _watch(self) -> None:
        asked = 0.0
        while not self._ended.wait(min(1.0, self._patience / 4)):
            since, now = self._waiting_since, time.monotonic()
            if since is None or now - max(since, asked) < self._patience:
                continue
            answers, asked = tf_data_service.is_alive(self._address, self._timeout), now
            if self._waiting_since != since or (answers and now - since < self._limit):
                continue
            self.reason = (
                f"The data service at {self._address} has made no batch for {now - since:.0f} s"
                f"{'' if answers else ', and does not answer'}. Are its dispatcher and a worker "
                "running? The same command goes on from the last saved state."
            )
            self._cancellation.cancel()
            return
