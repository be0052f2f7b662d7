"""One thread for BLAS, around products that are too small for more.

OpenBLAS wakes a thread on every core for each product, and spins until all have finished: where
another process needs a core, a product of two milliseconds takes thirty.
"""

import contextlib
import functools
import threading
from collections.abc import Iterator

import threadpoolctl

_lock = threading.Lock()


@functools.cache
def _controller() -> threadpoolctl.ThreadpoolController:
    return threadpoolctl.ThreadpoolController()


@contextlib.contextmanager
def single_blas_thread() -> Iterator[None]:
    """Let BLAS use one thread within the context, and as many as before afterwards.

    The number is one of the process, so threads take turns: a context is for a product, and none
    may be entered within another.
    """
    with _lock, _controller().limit(limits=1, user_api="blas"):
        yield
