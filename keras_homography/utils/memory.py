"""How the C library deals with memory that is given back."""

import ctypes
import sys

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4


def keep_freed_memory():
    """Keeps memory that is given back for what is needed next, where the C library is glibc.

    It returns large blocks to the system at once otherwise, and a step of training, whose
    activations are such blocks, waits for the same pages to be zeroed every time: on some machines
    for longer than it computes.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:  # musl has none
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_TOP_PAD, 2**26)
