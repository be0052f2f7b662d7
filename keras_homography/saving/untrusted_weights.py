"""Search an untrusted HDF5 file of weights for links, and for more than it seems to hold."""

import io
from typing import Any

MAX_BYTES = 2**31  # of weights, unpacked
_MAX_RATIO = 100  # of unpacked to packed bytes...
_FREE_BYTES = 2**22  # ...of what is larger than this


def is_plausible(unpacked: int, packed: int) -> bool:
    """Tell whether so many bytes can be packed to so few, of a model's file.

    Args:
      unpacked: bytes.
      packed: bytes.
    """
    return unpacked <= max(_FREE_BYTES, _MAX_RATIO * packed)


def have_links(weights: bytes) -> bool:
    """Tell whether an HDF5 file refers to other files, or cannot be searched for that.

    Args:
      weights: contents of the file.
    """
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


def are_bounded(weights: bytes) -> bool:
    """Tell whether the arrays of an HDF5 file are about as large as what is stored of them.

    Args:
      weights: contents of the file.
    """
    import h5py

    total, bounded = 0, True

    def measure(_: str, node: Any) -> None:
        nonlocal total, bounded
        if isinstance(node, h5py.Dataset):
            total += node.nbytes
            bounded = bounded and is_plausible(node.nbytes, node.id.get_storage_size())

    try:
        with h5py.File(io.BytesIO(weights), "r") as file:
            file.visititems(measure)
    except (OSError, RuntimeError, KeyError, TypeError, ValueError):
        return True  # not HDF5: Keras says so
    return bounded and total <= MAX_BYTES
