"""Remember which SavedModels this installation wrote, in the user's own data folder.

A SavedModel is a program. What travels with it, such as a manifest, proves nothing; a list that
never leaves the machine does: `~/.local/share/keras_homography/written_models.json`, or below
`XDG_DATA_HOME`; on Windows below `LOCALAPPDATA`.
"""

import json
import os
import pathlib
import re
import stat

from absl import logging

from keras_homography.utils import files, operating_system
from keras_homography.utils.errors import UserError

_MAX_ENTRIES = 10_000
_MAX_BYTES = 2**21
_DIGEST = re.compile(r"[0-9a-f]{64}")


def list_path() -> pathlib.Path:
    """Return the path of the list; it need not exist."""
    if operating_system.is_windows():
        folder = os.environ.get("LOCALAPPDATA")
        default = ("AppData", "Local")
    else:
        folder = os.environ.get("XDG_DATA_HOME")
        default = (".local", "share")
    if not folder or not os.path.isabs(folder):
        folder = os.path.join(os.path.expanduser("~"), *default)
    return pathlib.Path(folder, "keras_homography", "written_models.json")


def record(digest: str) -> None:
    """Add the checksum of a SavedModel that was written here to the list.

    The newest 10,000 are kept. Where the folder cannot be written to, a warning says what follows.

    Args:
      digest: From `manifest.digest`.
    """
    path = list_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with operating_system.exclusive_lock(path.with_suffix(".lock"), wait=10.0):
            digests = [known for known in _read(path) if known != digest][1 - _MAX_ENTRIES :]
            text = json.dumps({"schema_version": 1, "sha256": [*digests, digest]}, indent=0)
            with files.atomic_write(path) as temporary:
                temporary.write_text(text, encoding="ascii")
                temporary.chmod(0o600)  # whatever the umask: see `_read`
    except (OSError, UserError) as error:
        logging.warning(
            "This SavedModel will open with --trust_model only: %s cannot be written (%s).",
            path,
            error,
        )


def is_recorded(digest: str) -> bool:
    """Return whether this installation wrote the SavedModel with a checksum."""
    return digest in _read(list_path())


def _read(path: pathlib.Path) -> list[str]:
    """Return the checksums of a list; none if it is damaged, or another user could write it."""
    try:
        operating_system.require_regular(path)
        with path.open("rb") as file:
            if not _is_of_this_user(os.fstat(file.fileno())):
                logging.warning("%s is ignored: other users can write it.", path)
                return []
            content = file.read(_MAX_BYTES + 1)
        listed = json.loads(content)["sha256"] if len(content) <= _MAX_BYTES else []
        return [entry for entry in listed if isinstance(entry, str) and _DIGEST.fullmatch(entry)]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):  # UserError is a ValueError
        return []


def _is_of_this_user(state: os.stat_result) -> bool:
    if not hasattr(os, "getuid"):  # Windows: the folder belongs to the user
        return True
    return state.st_uid == os.getuid() and not state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
