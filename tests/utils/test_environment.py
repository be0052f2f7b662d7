"""What is said of the machine and of the libraries."""

import json
import os
import time

import cv2
import numpy as np
import tensorflow as tf
import threadpoolctl

import keras_homography
from keras_homography.utils import environment


def test_the_description_can_be_written_as_json():
    description = json.loads(json.dumps(environment.describe()))
    assert description["keras_homography"] == keras_homography.__version__
    assert description["tensorflow"] == tf.__version__
    assert description["opencv"] == cv2.__version__
    assert description["machine"] == environment.machine()
    assert description["devices"][0].endswith("CPU:0")
    assert time.strptime(description["date"], "%Y-%m-%d")


def test_the_machine_has_a_name_and_cores():
    name, cores = environment.machine().rsplit(", ", 1)
    assert name
    assert cores == f"{os.cpu_count()} cores"


def test_threads_are_counted():
    before = cv2.getNumThreads()
    try:
        cv2.setNumThreads(2)
        counts = environment.thread_counts(3)
        assert (counts["opencv"], counts["tflite"]) == (2, 3)
        assert counts["tensorflow"] >= 1
    finally:
        cv2.setNumThreads(before)
    assert environment.thread_counts()["tflite"] == 1


def test_no_limit_changes_nothing():
    before = environment.thread_counts()
    environment.limit_threads(None)
    assert environment.thread_counts() == before


def test_a_limit_reaches_opencv_and_tensorflow(monkeypatch):
    limits = []
    monkeypatch.setattr(cv2, "setNumThreads", limits.append)
    for pool in ("intra", "inter"):
        name = f"set_{pool}_op_parallelism_threads"
        monkeypatch.setattr(tf.config.threading, name, limits.append)
    with threadpoolctl.threadpool_limits():  # puts BLAS back
        environment.limit_threads(np.int64(2))
        blas = threadpoolctl.ThreadpoolController().select(user_api="blas").info()
    assert limits == [2, 2, 2]
    assert {pool["num_threads"] for pool in blas} == {min(2, os.cpu_count())}
