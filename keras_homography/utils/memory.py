"""Make glibc reuse freed memory instead of returning it to the operating system."""

import ctypes
import sys

# From glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4


def keep_freed_memory() -> None:
    """Make `malloc` keep freed blocks for later requests; does nothing without glibc.

    By default, glibc returns large blocks to the system at once. Activations of a network are such
    blocks: the system would clear the same pages in every training step, which on some machines
    takes longer than the computation.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:  # musl has none
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(_TOP_PAD, 2**26)
