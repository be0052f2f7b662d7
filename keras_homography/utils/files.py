"""Atomic writes, names that OpenCV can take, and the paths of files that ship with the package."""

import contextlib
import os
import pathlib
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator

from absl import logging

from keras_homography.utils.errors import UserError

_PACKAGE = pathlib.Path(__file__).parents[1]
# Names before the final renaming: of `atomic_write`, with a whole UUID of version 4...
_UNFINISHED = re.compile(
    r"\.keras_homography-[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}(\.[A-Za-z0-9_]{1,16})?"
)
# ...and of `tf.train.CheckpointManager`, in the folders of checkpoints.
_CHECKPOINT_FOLDERS = (("checkpoints", "last"), ("checkpoints", "best"))
_UNFINISHED_CHECKPOINT = re.compile(
    r"ckpt-\d+\.(index|data-\d{5}-of-\d{5})\.tempstate\d+|checkpoint\.tmp[0-9a-f]{32}"
)
_UNFINISHED_CHECKPOINT_FOLDER = re.compile(r"ckpt-\d+_temp")
_CHECKPOINT_PART = re.compile(r"part-\d{5}-of-\d{5}\.(index|data-\d{5}-of-\d{5})(\.tempstate\d+)?")
# OpenCV crashes at a name that is not UTF-8, and reads "%d" as numbered files, "x:" as a protocol.
_PLAIN_PATH = re.compile(r"([A-Za-z]:)?[A-Za-z0-9_./\\ ~+,=@()\[\]-]+")


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


def _temporary_path(path: pathlib.Path) -> pathlib.Path:
    """Return a new path beside one, of a name that is ASCII, short, and known to be ours."""
    suffix = path.suffix if re.fullmatch(r"\.[A-Za-z0-9_]{1,16}", path.suffix) else ""
    return path.with_name(f".keras_homography-{uuid.uuid4().hex}{suffix}")


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
    """Write a file or folder under a temporary name, and rename it when all is written.

    If the block raises, the temporary file is removed and `path` stays as it was.

    Args:
      path: of the file or folder, which is replaced if it exists.

    Yields:
      A new path in the same folder, of the same suffix, where the block writes the file or makes
      the folder.
    """
    path = pathlib.Path(path)
    temporary = _temporary_path(path)
    try:
        yield temporary
        if path.is_dir() and not path.is_symlink():
            _replace_folder(path, temporary)
        else:
            temporary.replace(path)
    except OSError as error:
        if error.filename == str(temporary):
            error.filename = str(path)  # what the user knows
        raise
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


def _replace_folder(path: pathlib.Path, replacement: pathlib.Path) -> None:
    old = _temporary_path(path)
    path.rename(old)
    try:
        replacement.rename(path)
    except BaseException:
        old.rename(path)
        raise
    shutil.rmtree(old)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file atomically, and read it back before it replaces what was there.

    Raises:
      OSError: it cannot be written, or is not read as it was written.
    """
    with atomic_write(path) as temporary:
        try:
            temporary.write_bytes(data)
        except OSError as error:
            error.filename = error.filename or str(temporary)
            raise
        if temporary.read_bytes() != data:
            raise OSError(f"{path} is not read back as it was written: is the disk full?")


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file, UTF-8, atomically; names in it that are not UTF-8 keep their bytes."""
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


@contextlib.contextmanager
def plain_path(path: str | os.PathLike[str]) -> Iterator[str]:
    """Give a file a path that OpenCV can take, whatever its own: a temporary link where needed.

    Args:
      path: of a file, which may be about to be created.

    Yields:
      An absolute path of the same file, plain ASCII.

    Raises:
      UserError: the path is not plain, and a link to it cannot be made.
    """
    absolute = os.path.abspath(path)
    if _PLAIN_PATH.fullmatch(absolute):
        yield absolute
        return
    suffix = os.path.splitext(absolute)[1]
    suffix = suffix if re.fullmatch(r"\.[A-Za-z0-9]{1,8}", suffix) else ""
    parent = tempfile.gettempdir()
    with tempfile.TemporaryDirectory(dir=parent if parent.isascii() else "/tmp") as folder:
        link = os.path.join(folder, f"link{suffix}")
        try:
            os.symlink(absolute, link)
        except (OSError, NotImplementedError):
            raise UserError(
                f"OpenCV cannot open {path}: rename it to letters, digits, - and _."
            ) from None
        yield link


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
    """Remove what killed processes left half-written in the folder of a training run.

    That is what `atomic_write` named, in the folder itself, and what TensorFlow names while it
    writes a checkpoint, in the folders of checkpoints. Links, and files of other names, stay.

    Args:
      folder: one that no other process writes to.
    """
    folder = pathlib.Path(folder)
    for path in _members(folder):
        if _UNFINISHED.fullmatch(path.name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for names in _CHECKPOINT_FOLDERS:
        for path in _members(folder.joinpath(*names)):
            if path.is_file() and _UNFINISHED_CHECKPOINT.fullmatch(path.name):
                path.unlink()
            elif path.is_dir() and _UNFINISHED_CHECKPOINT_FOLDER.fullmatch(path.name):
                _remove_checkpoint_parts(path)


def _members(folder: pathlib.Path) -> list[pathlib.Path]:
    """Return what a folder contains, if it exists, without links."""
    paths = list(folder.iterdir()) if folder.is_dir() else []
    return [path for path in paths if not path.is_symlink()]


def _remove_checkpoint_parts(folder: pathlib.Path) -> None:
    """Remove the parts of a checkpoint, and their folder if nothing else is in it."""
    for path in _members(folder):
        if path.is_file() and _CHECKPOINT_PART.fullmatch(path.name):
            path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def check_utf8(path: str | os.PathLike[str]) -> None:
    """Check that TensorFlow can write to a path, which takes text.

    Raises:
      UserError: the path is not UTF-8.
    """
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        raise UserError(
            f"TensorFlow cannot write to {os.fspath(path)!a}: the name is not UTF-8, or the locale "
            "is not. Give another name, or set PYTHONUTF8=1."
        ) from None


def check_writable(folder: str | os.PathLike[str]) -> None:
    """Check that a folder exists, or can be made, and can be written to.

    Raises:
      UserError: it cannot.
    """
    folder = pathlib.Path(folder).absolute()
    existing = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if existing.is_symlink() and not existing.exists():
        raise UserError(f"Cannot write to {folder}: {existing} is a link to nothing.")
    if not existing.is_dir():
        raise UserError(f"Cannot write to {folder}: {existing} is not a folder.")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"Cannot write to {folder}: no permission to write in {existing}.")
