"""List exported files and their checksums in `manifest.json`."""

import hashlib
import json
import pathlib
from collections.abc import Iterable

from keras_homography.utils import files
from keras_homography.utils.errors import UserError

MANIFEST = "manifest.json"


def digest(path: str | pathlib.Path) -> str:
    """Compute the SHA-256 checksum of a file, or of a folder's files and their names.

    Args:
      path: Of the file or folder.

    Returns:
      64 hexadecimal digits.

    Raises:
      UserError: The folder holds a link to another folder, whose files may change.
    """
    path = pathlib.Path(path)
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    total = hashlib.sha256()
    for member in sorted(path.rglob("*")):
        if member.is_symlink() and member.is_dir():
            raise UserError(f"{path} holds {member.name}, a link to a folder that may change.")
        if member.is_file():
            name = member.relative_to(path).as_posix()
            total.update(f"{name}\0{digest(member)}\n".encode())
    return total.hexdigest()


def write_manifest(folder: str | pathlib.Path, names: Iterable[str]) -> None:
    """Add files and folders to a folder's manifest; entries that no longer exist are dropped.

    Args:
      folder: That holds them, and the manifest.
      names: Of the files and folders.
    """
    folder = pathlib.Path(folder)
    listed = read_manifest(folder) | {name: digest(folder / name) for name in names}
    listed = {name: value for name, value in sorted(listed.items()) if (folder / name).exists()}
    text = json.dumps({"schema_version": 1, "sha256": listed}, indent=1)
    files.write_text(folder / MANIFEST, f"{text}\n")


def read_manifest(folder: pathlib.Path) -> dict[str, str]:
    """Read the `{name: checksum}` of a folder's manifest; empty if there is none to read."""
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["sha256"]
        return {str(name): str(value) for name, value in listed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
