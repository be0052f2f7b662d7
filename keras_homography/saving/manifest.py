"""List files and their checksums in `manifest.json`; replace only files that are listed."""

import contextlib
import hashlib
import json
import os
import pathlib
import re
from collections.abc import Iterable, Iterator
from typing import Any

from keras_homography.utils import files, operating_system
from keras_homography.utils.errors import UserError

MANIFEST = "manifest.json"
_MAX_BYTES = 2**20
_UNFINISHED = "unfinished"  # key of the file that is about to take its place


def digest(path: str | pathlib.Path) -> str:
    """Compute the SHA-256 checksum of a file, or of a folder's files and their names.

    Args:
      path: Of the file or folder.

    Returns:
      64 hexadecimal digits.

    Raises:
      UserError: The folder holds a link to another folder, whose files may change, or a pipe.
    """
    path = pathlib.Path(path)
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    total = hashlib.sha256()
    for member in sorted(path.rglob("*")):
        if member.is_symlink() and member.is_dir():
            raise UserError(f"{path} holds {member.name}, a link to a folder that may change.")
        if not member.is_dir():
            operating_system.require_regular(member)
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
    listed = {name: value for name, value in listed.items() if (folder / name).exists()}
    _write(folder, listed)


def read_manifest(folder: pathlib.Path) -> dict[str, str]:
    """Read the `{name: checksum}` of a folder's manifest; empty if there is none to read."""
    return _read(folder, "sha256")


def check_replaceable(folder: str | pathlib.Path, names: Iterable[str]) -> None:
    """Check that files can be written without the loss of what somebody else put there.

    Args:
      folder: That they are to be written to.
      names: Of the files and folders. Each is absent, or what the manifest lists: by name and
        checksum. So is the manifest itself absent, or one of ours.

    Raises:
      UserError: One is not.
    """
    folder = pathlib.Path(folder)
    listed, unfinished = read_manifest(folder), _read(folder, _UNFINISHED)
    manifest = folder / MANIFEST
    strange = [manifest] if os.path.lexists(manifest) and not _is_ours(manifest) else []
    for name in names:
        path = folder / name
        known = {values[name] for values in (listed, unfinished) if name in values}
        if os.path.lexists(path) and (path.is_symlink() or digest(path) not in known):
            strange.append(path)
    if strange:
        raise UserError(
            f"{strange[0]} is not as this program wrote it: {MANIFEST} in its folder does not list "
            "it, or lists another checksum. Move it away, or give another --output_dir."
        )


@contextlib.contextmanager
def replace(folder: str | pathlib.Path, name: str) -> Iterator[pathlib.Path]:
    """Write a file or folder atomically and list it, unless that would replace another's work.

    A process that is killed at any moment leaves what was there or what is new, and a manifest
    that lists it.

    Args:
      folder: Existing, of the file and of the manifest.
      name: Of the file or folder.

    Yields:
      A temporary path, as `files.atomic_write`.

    Raises:
      UserError: What is there is not listed by the manifest, or was changed.
    """
    folder = pathlib.Path(folder)
    with files.atomic_write(folder / name) as temporary:
        yield temporary
        check_replaceable(folder, [name])
        checksum = digest(temporary)
        _write(folder, read_manifest(folder), {name: checksum})
    write_manifest(folder, [name])


def remove_former(folder: str | pathlib.Path, names: Iterable[str]) -> None:
    """Remove files that the manifest lists, if they are as listed, and their entries.

    Args:
      folder: Of the files and of the manifest.
      names: Of the files; others than those of the manifest are ignored.
    """
    folder = pathlib.Path(folder)
    listed = read_manifest(folder)
    former = [name for name in names if name in listed]
    for name in former:
        path = folder / name
        if path.is_file() and not path.is_symlink() and digest(path) == listed[name]:
            path.unlink()
        del listed[name]
    if former:
        _write(folder, listed)


def _write(
    folder: pathlib.Path, listed: dict[str, str], unfinished: dict[str, str] | None = None
) -> None:
    content: dict[str, object] = {"schema_version": 1, "sha256": dict(sorted(listed.items()))}
    if unfinished:
        content[_UNFINISHED] = unfinished
    files.write_text(folder / MANIFEST, f"{json.dumps(content, indent=1)}\n")


def _read(folder: pathlib.Path, key: str) -> dict[str, str]:
    try:
        listed = _load(folder / MANIFEST)[key]
        return {name: value for name, value in listed.items() if _is_entry(name, value)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _load(manifest: pathlib.Path) -> Any:
    """Read a manifest within bounds, whoever wrote it."""
    operating_system.require_regular(manifest)
    with manifest.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError("too large for a manifest")
    return json.loads(content)


def _is_entry(name: str, value: object) -> bool:
    """Tell whether an entry is the name of a file in the folder, and a checksum."""
    is_name = 0 < len(os.fsencode(name)) < 256 and not set(name) & set("/\\\0")
    is_digest = isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None
    return is_name and name not in (".", "..") and is_digest


def _is_ours(manifest: pathlib.Path) -> bool:
    """Whether a file is a manifest as written here; that of a web page has the same name."""
    try:
        content = _load(manifest)
        return set(content) - {_UNFINISHED} == {"schema_version", "sha256"}
    except (OSError, ValueError, TypeError, RecursionError):
        return False
