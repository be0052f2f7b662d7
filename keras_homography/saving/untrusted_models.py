"""Keep untrusted model files from running code.

A model is a program, and may come from anywhere. TFLite files and SavedModels are opened only if
their checksum is that of `manifest.json` beside them, which `train` and `export` write: what has
changed since, or comes from elsewhere, is refused before anything in it runs. A manifest is no
signature: whoever can replace the model can replace the manifest. `.keras` files need none: they
are opened if they are made of known layers, and of nothing that runs code or reads files.
"""

import io
import json
import pathlib
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, NoReturn

from keras_homography.saving import manifest
from keras_homography.utils import files
from keras_homography.utils.errors import UserError

HOW_TO_TRUST = "If you know where it comes from, give --trust_model (in Python: trust=True)."
_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_MAX_BYTES = 4 * 2**30  # unpacked: a small archive can claim to be as large as it likes
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


def check_listed(path: str | pathlib.Path) -> None:
    """Refuse a TFLite file or SavedModel that no manifest lists.

    Its checksum must be in the manifest beside it or in that of the shipped models, under any name.

    Args:
      path: Of the file or folder.

    Raises:
      UserError: It is not listed, or has changed since.
    """
    path = pathlib.Path(path)
    listed = manifest.read_manifest(path.absolute().parent)
    shipped = files.packaged_file("saved_models", manifest.MANIFEST)
    trusted = {*listed.values()}
    if shipped:
        trusted |= {*manifest.read_manifest(shipped.parent).values()}
    if manifest.digest(path) in trusted:
        return
    if path.name in listed:
        reason = (
            f"it has changed since it was exported: its checksum is not that of {manifest.MANIFEST}"
        )
    elif listed:
        reason = f"the {manifest.MANIFEST} beside it does not list it"
    else:
        reason = f"it is not one of ours: there is no {manifest.MANIFEST} of an export beside it"
    raise UserError(f"{path} is not opened, as {reason}. {HOW_TO_TRUST}")


def check_keras(path: str | pathlib.Path) -> None:
    """Refuse a `.keras` file that could run code or read other files when Keras loads it.

    Args:
      path: Of the file.

    Raises:
      UserError: It is not an archive of a Keras model, it has other layers than Keras's built-in
        ones and those of this package, or its weights lie elsewhere.
    """
    config, weights = _read_archive(path)
    for module, name, registered in _classes(config):
        if not _is_known(module, name, registered):
            _refuse(path, f"holds {name!r} of {module or 'unknown origin'}, which can run any code")
    if _has_links(weights):
        _refuse(path, "has weights that lie in other files, or are linked to each other")


def _refuse(path: str | pathlib.Path, reason: str) -> NoReturn:
    raise _UntrustedError(f"{path} is not opened, as it {reason}. {HOW_TO_TRUST}")


def _read_archive(path: str | pathlib.Path) -> tuple[Any, bytes]:
    """Read the configuration and the weights out of a `.keras` file, and nothing else."""
    if not str(path).endswith(".keras"):  # Keras reads other names as other formats
        raise UserError(f"Cannot read {path} as a Keras model: its name must end in .keras.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            foreign = sorted(set(names) - _MEMBERS)
            if foreign:
                _refuse(path, f"holds {foreign[0]!r}, which no model of ours does")
            size = sum(member.file_size for member in members)
            if len(names) != len(set(names)) or size > _MAX_BYTES:
                _refuse(
                    path, "is an archive that no model of ours is: too large, or with a name twice"
                )
            return json.loads(archive.read("config.json")), archive.read("model.weights.h5")
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
    if name in _REFUSED:
        return False
    in_modules = module in _MODULES or module.startswith(tuple(f"{m}." for m in _MODULES))
    in_keras = module == "keras" and name in _KERAS_CLASSES
    if not (in_modules or in_keras or name in _VALUES):
        return False
    # Keras looks for a registered class first, whatever the module says.
    return registered in (name, "") or registered.startswith("keras_homography>")


def _has_links(weights: bytes) -> bool:
    """Tell whether an HDF5 file refers to other files, or cannot be searched for that."""
    import h5py

    def refers(group: h5py.Group) -> bool:
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                return True
            child = group[name]
            if isinstance(child, h5py.Dataset) and (child.external or child.is_virtual):
                return True
            if isinstance(child, h5py.Group) and refers(child):
                return True
        return False

    try:
        file = h5py.File(io.BytesIO(weights), "r")
    except OSError:
        return False  # not HDF5: Keras says so
    with file:
        try:
            return refers(file)
        except (OSError, RuntimeError, KeyError):  # RecursionError, of a cycle, is a RuntimeError
            return True
