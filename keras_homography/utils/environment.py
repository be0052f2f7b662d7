"""The machine, the library versions and the number of threads."""

import os
import pathlib
import platform
import time

import cv2
import tensorflow as tf

import keras_homography


def limit_threads(count):
    """Lets every library use so many threads, before it has used any; None for their defaults."""
    if count:
        tf.config.threading.set_intra_op_parallelism_threads(count)
        cv2.setNumThreads(count)


def threads(limit=None):
    """How many threads each library uses: `{name: number}`."""
    tensorflow = tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count()
    return {"tensorflow": tensorflow, "opencv": cv2.getNumThreads(), "tflite": limit or 1}


def machine():
    """The processor and how many cores of it there are."""
    try:
        names = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
        name = next(line.split(":")[1] for line in names.splitlines() if "model name" in line)
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name.strip()}, {os.cpu_count()} cores"


def environment():
    """What a figure was made with: `{name: version or description}`."""
    import cv2
    import keras
    import tensorflow as tf

    devices = [device.name for device in tf.config.list_logical_devices()]
    return {
        "date": time.strftime("%Y-%m-%d"),
        "keras_homography": keras_homography.__version__,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "opencv": cv2.__version__,
        "machine": machine(),
        "devices": devices,
    }
