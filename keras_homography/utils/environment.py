"""Describe the machine and the versions of libraries, and limit the threads of libraries.

TensorFlow, Keras and OpenCV are imported by the functions that need them: programs import this
module before they have read their flags.
"""

import os
import pathlib
import platform
import time
from typing import Any

import threadpoolctl

import keras_homography


def limit_threads(num_threads: int | None) -> None:
    """Limit the threads of TensorFlow, OpenCV and BLAS; call it before TensorFlow is used.

    Args:
      num_threads: at least 1, or None for the defaults of the libraries.
    """
    import cv2
    import tensorflow as tf

    if num_threads:
        tf.config.threading.set_intra_op_parallelism_threads(num_threads)
        tf.config.threading.set_inter_op_parallelism_threads(num_threads)
        cv2.setNumThreads(num_threads)
        threadpoolctl.threadpool_limits(int(num_threads), user_api="blas")


def thread_counts(num_threads: int | None = None) -> dict[str, int]:
    """Return how many threads each library uses, by its name.

    Args:
      num_threads: what TFLite interpreters are opened with; None for their default, which is 1.

    Returns:
      The counts of `tensorflow`, `opencv` and `tflite`.
    """
    import cv2
    import tensorflow as tf

    tensorflow = tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count() or 1
    return {"tensorflow": tensorflow, "opencv": cv2.getNumThreads(), "tflite": num_threads or 1}


def peak_memory_megabytes() -> float:
    """Return the most memory that this process has held so far, in MB."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def machine() -> str:
    """Return the name of the processor and the number of its cores."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":")[1] for line in lines if "model name" in line)
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name.strip()}, {os.cpu_count()} cores"


def describe() -> dict[str, Any]:
    """Return what a figure was measured with.

    Returns:
      `date` (`YYYY-MM-DD`), versions of `keras_homography`, `python`, `tensorflow`, `keras` and
      `opencv`, the `machine`, and TensorFlow's `devices`, a list of names.
    """
    import cv2
    import keras
    import tensorflow as tf

    return {
        "date": time.strftime("%Y-%m-%d"),
        "keras_homography": keras_homography.__version__,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "opencv": cv2.__version__,
        "machine": machine(),
        "devices": [device.name for device in tf.config.list_logical_devices()],
    }
