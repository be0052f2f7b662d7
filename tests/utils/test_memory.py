"""Reuse of freed memory, seen from a new process."""

import subprocess
import sys

import pytest

from keras_homography.utils import memory

# Compared with the first block's count, as the size of a page is the kernel's choice.
BLOCK = """
import resource
import runpy
import sys

import numpy as np


def faults_of_a_block():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**23)  # 64 MB, freed at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


runpy.run_path(sys.argv[1])["keep_freed_memory"]()
first = faults_of_a_block()
print(first, min(faults_of_a_block() for _ in range(5)))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_freed_memory_is_reused():
    result = subprocess.run(
        [sys.executable, "-c", BLOCK, memory.__file__],  # no import of TensorFlow
        capture_output=True,
        text=True,
        check=True,
    )
    first, again = map(int, result.stdout.split())
    assert first > 0
    assert again < first / 10 + 1
