"""Find shipped models, and every other model file, by name or path."""

import os
import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from keras_homography.utils import files, operating_system
from keras_homography.utils.errors import UserError

if TYPE_CHECKING:
    import keras

SAVED_MODEL = ""  # stands for the folder of a SavedModel among suffixes of files
_DEFAULT = "homography"
_NAMES = (_DEFAULT, "homographynet", "matcher")  # that are missing, if no file has them
_FOLDER = "saved_models"


def load_pretrained(name: str = _DEFAULT) -> "keras.Model":
    """Load a model that ships with the package, without a network connection.

        model = keras_homography.load_pretrained()
        h4pt = model(pairs)  # float32 [n, 128, 128, 2] in 0..255 -> float32 [n, 4, 2], pixels

    Args:
      name: Of a shipped model; "shipped" is the same as "homography". For the path of a file, use
        `keras_homography.load_model`.

    Returns:
      A functional `keras.Model`, not compiled. "homography" maps float32 `[n, 128, 128, 2]`, gray
      levels in 0..255, channel 0 patch A and channel 1 patch B, to `h4pt`, float32 `[n, 4, 2]`,
      pixels of the patch; "matcher" maps a gray image of any size to its features: see
      `models.matcher.build`.

    Raises:
      UserError: No model of this name is shipped, or its file is missing.
    """
    path = _find_shipped(name, (".keras",))
    if path is None:
        raise UserError(
            f"There is no shipped model {name!r}; there are: {', '.join(shipped_models())}. A file "
            "of yours is opened by keras_homography.load_model(path)."
        )

    import keras

    from keras_homography import layers as layers  # registers the layers of the shipped files

    return keras.models.load_model(path, compile=False)


def resolve_model(
    name: str | os.PathLike[str], suffixes: Sequence[str] = (".keras",)
) -> pathlib.Path:
    """Find the file that a user names; the only place where a name becomes a path.

    Args:
      name: The name of a shipped model, "shipped" for the default one, or a path. A shipped name
        comes first: write `./homography` for a path of that name.
      suffixes: The kinds of files that the caller opens, the preferred one first; `SAVED_MODEL`
        among them stands for folders.

    Returns:
      The path of an existing file, or folder, of one of these kinds.

    Raises:
      UserError: There is no such file, it is of another kind, or a shipped file is missing.
    """
    path = path_of_model(name)
    shipped = _find_shipped(os.fspath(name), suffixes)
    if shipped is not None:
        return shipped
    kinds = " or ".join(f"a {suffix} file" for suffix in suffixes if suffix != SAVED_MODEL)
    if SAVED_MODEL in suffixes:
        kinds += " or the folder of a SavedModel"
    if not os.path.exists(path):
        names = ", ".join(shipped_models(suffixes))
        raise UserError(
            f"There is no model {os.fspath(name)!r}: give the path of {kinds}, or the name of a "
            f"shipped model ({names})."
        )
    if not path.is_dir():
        operating_system.require_regular(path, "a model")
    kind = SAVED_MODEL if path.is_dir() else path.suffix
    if kind not in suffixes or (kind == SAVED_MODEL) != path.is_dir():
        raise UserError(f"{path} cannot be opened as a model here: it must be {kinds}.")
    return path


def path_of_model(name: object) -> pathlib.Path:
    """Return what a user gives as a model's name or path as a path.

    Args:
      name: A name or path: text, or a `pathlib.Path` and the like.

    Returns:
      The path; nothing need be there.

    Raises:
      UserError: It is neither, or empty.
    """
    text = os.fspath(name) if isinstance(name, os.PathLike) else name
    if not isinstance(text, str):
        raise UserError(
            f"A model is the name of a shipped model, the path of a file, or a keras.Model; got "
            f"{name!a:.99} ({type(name).__name__})."
        )
    if not text.strip():
        raise UserError("The name of the model is empty: give a name or a path, or leave it out.")
    return pathlib.Path(text)


def shipped_models(suffixes: Sequence[str] = (".keras",)) -> list[str]:
    """List the names of the shipped models that have a file of one of these kinds."""
    anchor = files.packaged_file(_FOLDER, "manifest.json")
    if anchor is None:
        return []
    return sorted(
        {path.stem for path in anchor.parent.iterdir() if path.suffix and path.suffix in suffixes}
    )


def _find_shipped(name: str, suffixes: Sequence[str]) -> pathlib.Path | None:
    """Find the file of a shipped model; None if no model of this name is shipped."""
    name = _DEFAULT if name == "shipped" else name
    # A path: joining it would leave the folder. Or longer than any file system's names.
    if name != pathlib.PurePath(name).name or len(name) > 200:
        return None
    for suffix in suffixes:
        path = files.packaged_file(_FOLDER, f"{name}{suffix}") if suffix != SAVED_MODEL else None
        if path is not None:
            return path
    if name in _NAMES:
        raise UserError(
            f"{_FOLDER}/{name}{suffixes[0]} is missing from this installation. Install the package "
            "again, or check the repository out completely."
        )
    return None
