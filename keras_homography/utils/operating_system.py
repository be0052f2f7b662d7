"""Locks, signals and special files: what differs between Linux, macOS and Windows.

The branches for Windows are tested with its calls replaced, on Linux.
"""

import atexit
import contextlib
import json
import os
import pathlib
import signal
import socket
import stat
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from typing import Any

from absl import logging

from keras_homography.utils.errors import UserError

# Far beyond the text of a lock file: on Windows nobody else can read the bytes that are locked.
_LOCKED_BYTE = 2**30
_MAX_HOLDER_BYTES = 4096


class _HeldError(Exception):
    """Another process holds the lock."""


def is_windows() -> bool:
    """Return whether this is Windows."""
    return os.name == "nt"


def require_regular(path: str | os.PathLike[str], what: str = "a file") -> None:
    """Refuse what is no regular file: to open a pipe waits forever, and a device may be endless.

    Args:
      path: of what is to be opened; links are followed.
      what: what is expected there, for the message.

    Raises:
      UserError: it does not exist, or is a folder, pipe, socket or device.
    """
    shown = os.fspath(path)
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"Cannot read {shown!r} as {what}: {reason}.") from None
    if not stat.S_ISREG(mode):
        raise UserError(f"Cannot read {shown!r} as {what}: it is {_kind(mode)}.")


def _kind(mode: int) -> str:
    kinds = {
        stat.S_ISDIR: "a folder",
        stat.S_ISFIFO: "a pipe",
        stat.S_ISSOCK: "a socket",
        stat.S_ISCHR: "a device",
        stat.S_ISBLK: "a device",
    }
    return next((name for test, name in kinds.items() if test(mode)), "no regular file")


@contextlib.contextmanager
def exclusive_lock(path: str | os.PathLike[str], wait: float = 0.0) -> Iterator[None]:
    """Hold a lock that ends with the block, or with the process however it ends.

    The file says who holds it, and is removed at the end of the block. A file that a killed process
    left is taken over. Where the file system has no locks, the block runs without one, and a
    warning says so.

    Args:
      path: of the file of the lock, in an existing folder.
      wait: seconds to wait for another process.

    Raises:
      UserError: another process holds the lock; the message names it.
      OSError: the file cannot be written.
    """
    path = pathlib.Path(path)
    deadline = time.monotonic() + wait
    while True:
        try:
            descriptor = _acquire(path)
            break
        except _HeldError:
            if time.monotonic() >= deadline:
                raise UserError(_held_message(path)) from None
            time.sleep(0.05)
    try:
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}
        os.ftruncate(descriptor, 0)
        os.write(descriptor, json.dumps(holder).encode())
        yield
    finally:
        if is_windows():  # an open file cannot be removed there
            os.close(descriptor)
        with contextlib.suppress(OSError):
            path.unlink()
        if not is_windows():
            os.close(descriptor)


def check_unlocked(path: str | os.PathLike[str]) -> None:
    """Raise a `UserError` that names the holder if a process holds a lock; else do nothing."""
    path = pathlib.Path(path)
    if not path.is_file():
        return
    try:
        descriptor = _acquire(path, create=False)
    except _HeldError:
        raise UserError(_held_message(path)) from None
    except OSError:
        return
    os.close(descriptor)


def _acquire(path: pathlib.Path, create: bool = True) -> int:
    """Open and lock a file; return its descriptor. Raise `_HeldError` if it is locked."""
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    while True:
        descriptor = os.open(path, flags | (os.O_CREAT if create else 0), 0o644)
        try:
            _lock(descriptor)
            # Its last holder may have removed the file between `open` and `lock`.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.stat(path), os.fstat(descriptor)):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        if is_windows():
            import msvcrt

            os.lseek(descriptor, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):  # POSIX, Windows
        raise _HeldError from None
    except OSError as error:
        logging.warning("No lock on this file system (%s): start one run alone.", error.strerror)


def _held_message(path: pathlib.Path) -> str:
    try:
        with path.open("rb") as file:
            holder = json.loads(file.read(_MAX_HOLDER_BYTES))
        who = f"process {int(holder['pid'])} on {str(holder['host'])[:255]}"
    except (OSError, ValueError, KeyError, TypeError):
        who = "another process"
    return f"{path.parent} is in use by {who}. Wait for it to end, stop it, or give another folder."


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
