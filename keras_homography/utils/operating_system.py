"""Locks and special files: what differs between Linux, macOS and Windows.

The branches for Windows are tested with its calls replaced, on Linux.
"""

import contextlib
import json
import os
import pathlib
import socket
import stat
import time
from collections.abc import Iterator

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
