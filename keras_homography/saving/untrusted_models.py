"""Keep untrusted model files from running code.

A model is a program, or data, and may come from anywhere. A SavedModel is a program: only what this
installation shipped or wrote is opened, by its checksum; a manifest that travels with it proves
nothing. A TFLite file of built-in operators is data (`untrusted_tflite`), and so is a `.keras` file
that is made of known layers, and of nothing that runs code or reads files. Both are read within
bounds.
"""

import inspect
import json
import os
import pathlib
import sys
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, NoReturn

from keras_homography.saving import manifest, untrusted_weights, written_models
from keras_homography.utils import files, operating_system
from keras_homography.utils.errors import UserError

HOW_TO_TRUST = "If you know where it comes from, give --trust_model (in Python: trust=True)."
# Of a `.keras` file, with their largest sizes: a small archive can unpack to as much as it likes.
_MEMBERS = {
    "metadata.json": 2**16,
    "config.json": 2**22,
    "model.weights.h5": untrusted_weights.MAX_BYTES,
}
_MAX_SAVED_MODEL_FILES = 10_000
# Where the classes in a `.keras` file may come from, and those of them that read files or run code.
_MODULES = (
    "keras.layers",
    "keras.initializers",
    "keras.regularizers",
    "keras.constraints",
    "keras.activations",
    "keras.dtype_policies",
    "keras.src.models",
    "keras.src.ops",
    "keras_homography",
)
_KERAS_CLASSES = {"DTypePolicy", "Functional", "Model", "Sequential"}
_VALUES = {"__keras_tensor__", "__tensor__", "__numpy__", "__bytes__", "__slice__", "__ellipsis__"}
_REFUSED = {
    "Lambda",
    "TFSMLayer",
    "TorchModuleWrapper",
    "JaxLayer",
    "FlaxLayer",
    "StringLookup",
    "IntegerLookup",
    "TextVectorization",
    "function",
}


class _UntrustedError(UserError):
    """Readable, but not trusted."""


def check_saved_model(path: str | os.PathLike[str]) -> None:
    """Refuse a SavedModel that this installation neither shipped nor wrote.

    Args:
      path: Of the folder.

    Raises:
      UserError: Its checksum is not in the list of `written_models`, nor in the manifest of the
        shipped models.
    """
    path = pathlib.Path(path)
    require_saved_model(path)
    digest = manifest.digest(path)
    shipped = files.packaged_file("saved_models", manifest.MANIFEST)
    if shipped and digest in manifest.read_manifest(shipped.parent).values():
        return
    if written_models.is_recorded(digest):
        return
    _refuse(
        path,
        "was not written by this installation, or has changed since: a SavedModel is a program, "
        "and a manifest beside it proves nothing. A .tflite or .keras file needs no trust",
    )


def require_saved_model(path: pathlib.Path) -> None:
    """Raise a `UserError` unless a folder holds a SavedModel, and nothing that waits or never ends.

    Args:
      path: Of the folder.
    """
    operating_system.require_regular(path / "saved_model.pb", "a SavedModel")
    for number, member in enumerate(path.rglob("*")):
        if number == _MAX_SAVED_MODEL_FILES:
            raise UserError(f"Cannot read {path} as a SavedModel: it holds too many files.")
        if not member.is_dir():
            operating_system.require_regular(member, "part of a SavedModel")


def check_keras(path: str | os.PathLike[str]) -> None:
    """Refuse a `.keras` file that could run code or read other files when Keras loads it.

    It must be loaded with `compile=False`: then Keras does not look at its optimizer and losses.

    Args:
      path: Of the file.

    Raises:
      UserError: It is not an archive of a Keras model, it has other layers than Keras's built-in
        ones and those of this package, or its weights lie elsewhere.
    """
    operating_system.require_regular(path, "a Keras model")
    config, weights = _read_archive(path)
    for module, name, registered in _classes(config):
        if not _is_known(module, name, registered):
            _refuse(path, f"holds {name!r} of {module or 'unknown origin'}, which can run any code")
    _check_weights(path, weights)


def _refuse(path: str | os.PathLike[str], reason: str) -> NoReturn:
    raise _UntrustedError(f"{path} is not opened, as it {reason}. {HOW_TO_TRUST}")


def _read_archive(path: str | os.PathLike[str]) -> tuple[Any, bytes]:
    """Read the configuration and the weights out of a `.keras` file, and nothing else."""
    if not str(path).endswith(".keras"):  # Keras reads other names as other formats
        raise UserError(f"Cannot read {path} as a Keras model: its name must end in .keras.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            foreign = sorted(set(names) - set(_MEMBERS))
            if foreign:
                _refuse(path, f"holds {foreign[0]!r:.99}, which no model of ours does")
            if len(names) != len(set(names)) or not all(map(_is_bounded, members)):
                _refuse(
                    path, "is an archive that no model of ours is: too large, or with a name twice"
                )
            config, weights = (
                _read_member(archive, name) for name in ("config.json", "model.weights.h5")
            )
            return _without_compilation(json.loads(config)), weights
    except _UntrustedError:
        raise
    except (
        OSError,
        EOFError,
        KeyError,
        RuntimeError,
        ValueError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise UserError(f"Cannot read {path} as a Keras model: {error}") from error


def _without_compilation(config: Any) -> Any:
    """A model's configuration without optimizer and losses; those of models within it stay."""
    if not isinstance(config, dict):
        return config
    return {key: value for key, value in config.items() if key != "compile_config"}


def _is_bounded(member: zipfile.ZipInfo) -> bool:
    """Tell whether a member says that it unpacks to as much as a model's does."""
    is_small = untrusted_weights.is_plausible(member.file_size, member.compress_size)
    return is_small and member.file_size <= _MEMBERS[member.filename]


def _read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read a member, and no more of it than it says to unpack to."""
    size = archive.getinfo(name).file_size
    with archive.open(name) as member:
        content = member.read(size + 1)
    if len(content) != size:
        raise zipfile.BadZipFile(f"{name} is not of the size that the archive says")
    return content


def _classes(config: object) -> Iterator[tuple[str, str, str]]:
    """Yield the `(module, class, registered name)` of all that a configuration has Keras build."""
    stack = [config]
    while stack:
        element = stack.pop()
        if isinstance(element, dict):
            if "class_name" in element:
                yield (
                    str(element.get("module") or ""),
                    str(element.get("class_name") or ""),
                    str(element.get("registered_name") or ""),
                )
            stack += element.values()
        elif isinstance(element, list):
            stack += element


def _is_known(module: str, name: str, registered: str) -> bool:
    """Tell whether Keras can build a class without running code of others."""
    # Functions of the same modules build other things than layers.
    if name in _REFUSED or not (name in _VALUES or _is_class(module, name)):
        return False
    in_modules = module in _MODULES or module.startswith(tuple(f"{m}." for m in _MODULES))
    in_keras = module == "keras" and name in _KERAS_CLASSES
    if not (in_modules or in_keras or name in _VALUES):
        return False
    # Keras looks for a registered class first, whatever the module says.
    return registered in (name, "") or registered.startswith("keras_homography>")


def _is_class(module: str, name: str) -> bool:
    """Tell whether a name can be that of a class: functions of Keras build other things."""
    if not name.isidentifier() or not name[0].isupper():
        return False
    # Nothing is imported because a file names it: Keras and our layers are in memory already.
    return inspect.isclass(getattr(sys.modules.get(module), name, type))


def _check_weights(path: str | os.PathLike[str], weights: bytes) -> None:
    if untrusted_weights.have_links(weights):
        _refuse(path, "has weights that lie in other files, or are linked to each other")
    if not untrusted_weights.are_bounded(weights):
        _refuse(path, "has weights that are small in the file and unpack to much more")
