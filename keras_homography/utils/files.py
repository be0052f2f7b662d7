"""Atomic writes, and the paths of files that ship with the package."""

import contextlib
import os
import pathlib
import re
import shutil
import uuid
from collections.abc import Iterator

from absl import logging

from keras_homography.utils.errors import UserError

_PACKAGE = pathlib.Path(__file__).parents[1]
# Names before the final renaming: of `atomic_write`, and of `tf.train.Checkpoint`.
_LEFTOVER = re.compile(r"\.[0-9a-f]{8}-|.*_temp$|.*\.tempstate\d+$")


def packaged_file(folder: str, name: str) -> pathlib.Path | None:
    """Return the path of a file that ships with the package.

    In a wheel the folder is inside the package, in a checkout it is beside the package.

    Args:
      folder: "flags" or "saved_models".
      name: name of the file.

    Returns:
      The path; None if there is no such file.
    """
    for parent in (_PACKAGE, _PACKAGE.parent):
        path = parent / folder / name
        if path.is_file():
            return path
    return None


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Write a file or folder under a temporary name, and rename it when all is written.

    If the block raises, the temporary file is removed and `path` stays as it was.

    Args:
      path: of the file or folder, which is replaced if it exists.

    Yields:
      A new path in the same folder, where the block writes the file or makes the folder.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield temporary
        if path.is_dir():
            old = path.with_name(f".{uuid.uuid4().hex[:8]}-old-{path.name}")
            path.rename(old)
            temporary.rename(path)
            shutil.rmtree(old)
        else:
            temporary.replace(path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file, UTF-8, atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def record_skipped(path: str, reason: str, skipped: dict[str, str]) -> None:
    """Record and log that a file or folder of a dataset is not used.

    Args:
      path: of the file or folder.
      reason: why it cannot be used.
      skipped: `{path: reason}`, to which this one is added.
    """
    skipped[path] = reason
    logging.warning("Skipped %r: %s", path, reason)


def remove_leftovers(folder: str | os.PathLike[str]) -> None:
    """Remove half-written files and folders of processes that were killed, recursively.

    Args:
      folder: one that no other process writes to.
    """
    for path in list(pathlib.Path(folder).rglob("*")):
        if _LEFTOVER.match(path.name) and path.is_dir():
            shutil.rmtree(path)
        elif _LEFTOVER.match(path.name):
            path.unlink(missing_ok=True)


def check_writable(folder: str | os.PathLike[str]) -> None:
    """Check that a folder exists, or can be made, and can be written to.

    Raises:
      UserError: it cannot.
    """
    folder = pathlib.Path(folder).absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise UserError(f"Cannot write to {folder}: {existing} is not a folder.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"Cannot write to {folder}: no permission to write in {existing}.")
