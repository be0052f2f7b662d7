"""Files that are whole or not there."""

import contextlib
import os
import pathlib
import re
import shutil
import uuid

from absl import logging

from keras_homography.utils.errors import UserError

_PACKAGE = pathlib.Path(__file__).parents[1]
# What is not renamed yet: ours, and that of `tf.train.Checkpoint`.
_LEFTOVER = re.compile(r"\.[0-9a-f]{8}-|.*_temp$|.*\.tempstate\d+$")


def packaged_file(folder, name):
    """The path of a file that ships with the package, in a wheel and in a checkout alike.

    Args:
      folder: "flags" or "saved_models".
      name: of the file.

    Returns:
      `pathlib.Path`; None if there is no such file.
    """
    for parent in (_PACKAGE, _PACKAGE.parent):
        path = parent / folder / name
        if path.is_file():
            return path
    return None


@contextlib.contextmanager
def atomic_write(path):
    """Gives a new path beside `path`, to write a file or a folder to, and renames it at the end.

    After an exception nothing is left beside, and what was at `path` is as it was.
    """
    path = pathlib.Path(path)
    beside = path.with_name(f".{uuid.uuid4().hex[:8]}-{path.name}")
    try:
        yield beside
        if path.is_dir():
            old = path.with_name(f".{uuid.uuid4().hex[:8]}-old-{path.name}")
            path.rename(old)
            beside.rename(path)
            shutil.rmtree(old)
        else:
            beside.replace(path)
    finally:
        if beside.is_dir():
            shutil.rmtree(beside)
        else:
            beside.unlink(missing_ok=True)


def record_skipped(path, reason, skipped):
    """Leaves a file or folder out: notes the reason in `skipped`, `{path: reason}`, and the log."""
    skipped[path] = reason
    logging.warning("Skipped %r: %s", path, reason)


def remove_leftovers(folder):
    """Removes what `replacing`, or TensorFlow while it wrote a checkpoint, left in a folder and
    those below when the process was killed. For a folder that no other process writes to."""
    for path in list(pathlib.Path(folder).rglob("*")):
        if _LEFTOVER.match(path.name) and path.is_dir():
            shutil.rmtree(path)
        elif _LEFTOVER.match(path.name):
            path.unlink(missing_ok=True)


def write_text(path, text):
    """Writes a text file in one step."""
    with atomic_write(path) as beside:
        beside.write_text(text, encoding="utf-8")


def check_writable(folder):
    """Raises `ValueError` unless `folder` is, or can become, a folder that we can write to."""
    folder = pathlib.Path(folder).absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise UserError(f"Cannot write to {folder}: {existing} is not a folder.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"Cannot write to {folder}: no permission to write in {existing}.")
