"""Whether a model's file may be opened: a model is a program, and may come from anywhere.

What `export` and `train` write is listed by its checksum in `manifest.json` beside it. TFLite files
and SavedModels are checked against that before anything in them runs: what has changed since, or is
of someone else, is refused. A manifest is no signature: who can replace both can replace both.
`.keras` files need no manifest: what they may hold is known, and nothing else is opened.
"""

import hashlib
import io
import json
import pathlib
import zipfile
import zlib

from keras_homography.utils import files
from keras_homography.utils.errors import UserError

MANIFEST = "manifest.json"
HOW_TO_TRUST = "If you know where it comes from, give --trust_model (in Python: trusted=True)."
_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_LARGEST = 4 * 2**30  # bytes, unpacked: a small archive can claim to be as large as it likes
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
_CLASSES_OF_KERAS = {"DTypePolicy", "Functional", "Model", "Sequential"}
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


class _RefusedError(ValueError):
    """What could be read is not to be trusted."""


def digest(path):
    """The checksum of a file, or of all files in a folder and their names: SHA-256, hexadecimal."""
    path = pathlib.Path(path)
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    whole = hashlib.sha256()
    for each in sorted(path.rglob("*")):
        if each.is_symlink() and each.is_dir():
            raise UserError(f"{path} holds {each.name}, a link to a folder that may change.")
        if each.is_file():
            whole.update(f"{each.relative_to(path).as_posix()}\0{digest(each)}\n".encode())
    return whole.hexdigest()


def write_manifest(folder, names):
    """Lists files and folders of a folder in its manifest, beside those that are listed there."""
    folder = pathlib.Path(folder)
    listed = _listed(folder)
    listed |= {name: digest(folder / name) for name in names}
    listed = {name: value for name, value in sorted(listed.items()) if (folder / name).exists()}
    text = json.dumps({"schema_version": 1, "sha256": listed}, indent=1)
    files.write_text(folder / MANIFEST, f"{text}\n")


def _listed(folder):
    """`{name: checksum}` of a folder's manifest; empty if there is none that can be read."""
    try:
        listed = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["sha256"]
        return {str(name): str(value) for name, value in listed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def check_listed(path):
    """Raises `ValueError` unless a TFLite file or SavedModel is, under any name, what the manifest
    beside it lists or what ships with the package."""
    path = pathlib.Path(path)
    listed = _listed(path.absolute().parent)
    shipped = files.packaged_file("saved_models", MANIFEST)
    known = {*listed.values(), *(_listed(shipped.parent).values() if shipped else ())}
    if digest(path) in known:
        return
    if path.name in listed:
        why = f"it has changed since it was exported: its checksum is not that of {MANIFEST}"
    elif listed:
        why = f"the {MANIFEST} beside it does not list it"
    else:
        why = f"it is not one of ours: there is no {MANIFEST} of an export beside it"
    raise UserError(f"{path} is not opened, as {why}. {HOW_TO_TRUST}")


def check_keras(path):
    """Raises `ValueError` unless a `.keras` file is an archive of a model that is made of built-in
    layers and those of this package, and of nothing that runs code or reads files."""

    def refuse(what):
        raise _RefusedError(f"{path} is not opened, as it {what}. {HOW_TO_TRUST}")

    if not str(path).endswith(".keras"):  # Keras reads other names as other formats
        raise UserError(f"Cannot read {path} as a Keras model: its name must end in .keras.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            strange = sorted(set(names) - _MEMBERS)
            if strange:
                refuse(f"holds {strange[0]!r}, which no model of ours does")
            if len(names) != len(set(names)) or sum(each.file_size for each in members) > _LARGEST:
                refuse("is an archive that no model of ours is: too large, or with a name twice")
            config = json.loads(archive.read("config.json"))
            weights = archive.read("model.weights.h5")
    except _RefusedError:
        raise
    except (
        *(OSError, EOFError, KeyError, RuntimeError, ValueError),
        *(zipfile.BadZipFile, zlib.error),
    ) as error:
        raise UserError(f"Cannot read {path} as a Keras model: {error}") from None
    for module, name, registered in _classes(config):
        ours = module.startswith(tuple(f"{each}." for each in _MODULES)) or module in _MODULES
        known = ours or (module == "keras" and name in _CLASSES_OF_KERAS) or name in _VALUES
        # Keras looks for a registered class first, whatever the module says.
        known = known and (registered in (name, "") or registered.startswith("keras_homography>"))
        if name in _REFUSED or not known:
            refuse(f"holds {name!r} of {module or 'unknown origin'}, which can run any code")
    if _has_links(weights):
        refuse("has weights that lie in other files, or are linked to each other")


def _classes(config):
    """Yields `(module, class, registered name)` of all that a configuration has Keras build."""
    waiting = [config]
    while waiting:
        element = waiting.pop()
        if isinstance(element, dict):
            if "class_name" in element:
                yield tuple(
                    str(element.get(key) or "")
                    for key in ("module", "class_name", "registered_name")
                )
            waiting += element.values()
        elif isinstance(element, list):
            waiting += element


def _has_links(weights):
    """Whether an HDF5 file, as bytes, refers to other files, or cannot be looked through."""
    import h5py

    def refers(group):
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
        return False  # no HDF5: Keras says so
    with file:
        try:
            return refers(file)
        except (OSError, RuntimeError, KeyError):  # of a cycle, too
            return True
