"""Signals that ask a program to stop, and its end while TensorFlow computes or waits."""

import atexit
import contextlib
import os
import signal
import socket
import sys
import threading
import types
from collections.abc import Callable
from typing import Any


def stop_signals() -> list[signal.Signals]:
    """Return the signals that ask a process to stop: SIGINT, SIGTERM and, on Windows, SIGBREAK."""
    names = ("SIGINT", "SIGTERM", "SIGBREAK")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def write_error(message: str) -> None:
    """Write to standard error at once, whatever thread holds its lock, if it is open."""
    with contextlib.suppress(OSError):
        os.write(2, message.encode())


class StopSignals:
    """Take over the signals that ask to stop, for the time of a `with` block.

    Python calls a signal's handler only between two of its own instructions, so not while
    TensorFlow computes, or waits. A thread hears the signals at once: the first one is only
    noted, in `received`; the second one interrupts: `KeyboardInterrupt` where Python runs, and if
    the block has not ended `grace` seconds later, the process ends with exit code 128 + signal.
    Outside the main thread nothing is taken over. At the end all is as it was before.

    Args:
      on_first: called once after the first signal, in the thread that listens.
      on_second: called after the second one, as well.
      grace: seconds from the second signal to the end of the process.

    Attributes:
      received: number of the first signal; None before.
      interrupted: whether a second one came.
    """

    def __init__(
        self,
        on_first: Callable[[int], None] | None = None,
        on_second: Callable[[], None] | None = None,
        grace: float = 2.0,
    ) -> None:
        self._on_first, self._on_second = on_first, on_second
        self._grace = grace
        self._handlers: dict[int, Any] = {}
        self._ended = threading.Event()
        self.received: int | None = None
        self.interrupted = False

    def __enter__(self) -> "StopSignals":
        self.received, self.interrupted = None, False
        self._handlers, self._ended = {}, threading.Event()
        if threading.current_thread() is not threading.main_thread():
            return self
        self._reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._former = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._handlers = {number: signal.signal(number, self._handle) for number in stop_signals()}
        threading.Thread(target=self._listen, name="stop signals", daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        if not self._handlers:
            return
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._former)
        self._writer.close()  # which ends the thread that listens

    def _handle(self, number: int, frame: types.FrameType | None) -> None:
        """Note the first signal, interrupt at the second: runs in the main thread."""
        if self.received is None:
            self.received = number
        else:
            raise KeyboardInterrupt

    def _listen(self) -> None:
        """Hear the signals while the main thread may be busy."""
        heard = 0
        with self._reader:
            while received := self._reader.recv(1):
                number = received[0]
                if number not in self._handlers:
                    self._pass_on(received)
                    continue
                heard += 1
                if heard == 1 and self._on_first:
                    self._on_first(number)
                if heard == 2:
                    threading.Thread(target=self._end, args=(number,), daemon=True).start()

    def _pass_on(self, received: bytes) -> None:
        """Hand other signals to who listened before, such as an event loop."""
        if self._former >= 0:
            with contextlib.suppress(OSError):
                os.write(self._former, received)

    def _end(self, number: int) -> None:
        """End the process unless the block ends by itself."""
        self.interrupted = True
        if self._on_second:
            self._on_second()
        if not self._ended.wait(self._grace):
            write_error("\nEnded at once by a second signal.\n")
            os._exit(128 + number)


def exit_without_waiting(error: BaseException, code: int) -> None:
    """Let this program end with a code without freeing what an exception holds.

    TensorFlow frees the iterator of a data service only once the service answers, and that of a
    file only once it is read: for a program that was interrupted while it waited that is never.

    Args:
      error: that ends the program.
      code: of the exit.
    """

    def end(_: BaseException) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)

    # Called before Python frees anything; the argument keeps the exception until then.
    atexit.register(end, error)
