"""What malloc does with freed memory, seen from a process of its own."""

import subprocess
import sys

PAGES = """
import resource
import numpy as np
from keras_homography import allocation

def pages_of_a_block():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**23)  # 64 MB, freed at once
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if KEEP:
    allocation.keep_freed()
pages_of_a_block()
print(pages_of_a_block())
"""


def new_pages_of_a_second_block(keep):
    program = PAGES.replace("KEEP", str(keep))
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_freed_memory_is_used_again():
    assert new_pages_of_a_second_block(keep=True) < 10
    assert new_pages_of_a_second_block(keep=False) > 20  # with pages of 4 KB, or of 2 MB
