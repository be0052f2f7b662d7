"""Files of checkpoints as others may have left them: damaged, or leading out of their folder."""

import contextlib
import json
import pathlib
import re
from typing import Any

import tensorflow as tf
from google.protobuf import message, text_format

from keras_homography.utils import files, operating_system
from keras_homography.utils.errors import UserError

_INDEX = "checkpoint"
_NAME = re.compile(r"ckpt-\d{1,18}")
_MAX_INDEX_BYTES, _MAX_HISTORY_BYTES = 2**16, 2**26
# What TensorFlow raises on files that are missing, damaged or those of another model.
UNREADABLE = (
    tf.errors.OpError,
    AssertionError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
    message.DecodeError,
)


def list_names(folder: pathlib.Path) -> list[str]:
    """Return the names of the checkpoints in a folder, the newest first.

    They are those of TensorFlow's index; where that is damaged, those whose files are there.

    Args:
      folder: Of one `tf.train.CheckpointManager`.

    Raises:
      UserError: The index names a file outside of the folder, or one that is no checkpoint.
    """
    listed = _read_index(folder)
    if listed is None:
        found = {path.stem for path in folder.glob("ckpt-*.index") if _NAME.fullmatch(path.stem)}
        return sorted(found, key=step_of, reverse=True)
    for name in listed:
        if not _NAME.fullmatch(name):
            raise UserError(
                f"{folder / _INDEX} names {name!r:.200}, which is no checkpoint of this folder. "
                "Nothing was restored or deleted. Remove that file if you do not trust where it "
                "comes from, or give another --output_dir."
            )
    return listed


def _read_index(folder: pathlib.Path) -> list[str] | None:
    """Return the names in TensorFlow's index, the newest first; None if it cannot be read."""
    # As TensorFlow reads it: another parser could see other names.
    state = tf.compat.v1.train.generate_checkpoint_state_proto(".", "ckpt-0")
    state.Clear()
    try:
        operating_system.require_regular(folder / _INDEX)
        with (folder / _INDEX).open("rb") as file:
            text_format.Merge(file.read(_MAX_INDEX_BYTES).decode(), state)
    except (OSError, ValueError, text_format.ParseError):  # UserError is a ValueError
        return None
    if not state.model_checkpoint_path:
        return None
    names = [state.model_checkpoint_path, *reversed(state.all_model_checkpoint_paths)]
    return list(dict.fromkeys(names))


def write_index(folder: pathlib.Path, names: list[str]) -> None:
    """Write TensorFlow's index of the checkpoints in a folder.

    Args:
      folder: Of one `tf.train.CheckpointManager`.
      names: The newest first; none removes the index.
    """
    if _read_index(folder) == (names or None):
        return
    if not names:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            (folder / _INDEX).unlink()
        return
    lines = [f'model_checkpoint_path: "{names[0]}"\n']
    lines += [f'all_model_checkpoint_paths: "{name}"\n' for name in reversed(names)]
    files.write_text(folder / _INDEX, "".join(lines))


def check_readable(prefix: pathlib.Path) -> None:
    """Read all of a checkpoint, which compares its checksums; raise one of `UNREADABLE`."""
    reader = tf.train.load_checkpoint(str(prefix))
    for name in reader.get_variable_to_shape_map():
        reader.get_tensor(name)


def step_of(name: str) -> int:
    """Return the step in the name or path of a checkpoint."""
    return int(name.rsplit("-", 1)[1])


def read_history(path: pathlib.Path) -> list[dict[str, Any]] | None:
    """Read the rounds of a run; None if the file is missing or damaged."""
    try:
        operating_system.require_regular(path)
        with path.open("rb") as file:
            history = json.loads(file.read(_MAX_HISTORY_BYTES))
        if isinstance(history, list) and all(isinstance(entry["step"], int) for entry in history):
            return history
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return None
