"""Benchmark of the pairs a second: our pipeline against OpenCV on as many processes."""

import contextlib
import functools
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from keras_homography.benchmarks import interleaved_timing
from keras_homography.data import batching, decoding, sources, synthetic_source
from keras_homography.data.pair_spec import PairSpec
from keras_homography.utils import image_input
from keras_homography.utils.errors import UserError

SPEC = PairSpec()
BATCH_SIZE = 64
_REFERENCE = "OpenCV, decoding for every pair"


@contextlib.contextmanager
def _generated_files(count: int = 64) -> Iterator[str]:
    """Write generated images of 640x480 as JPEG files, and yield their folder."""
    with tempfile.TemporaryDirectory() as folder:
        stream = synthetic_source.SyntheticSource(480, 640).stream(seed=0).take(count)
        for position, image in stream.as_numpy_iterator():
            encoded = tf.io.encode_jpeg(image.repeat(3, axis=-1), quality=90)
            pathlib.Path(folder, f"{position}.jpg").write_bytes(encoded.numpy())
        yield folder


class _OpenCV:
    """Processes that make pairs at the same time, each on one thread; a context manager.

    Args:
      folder: of image files.
      processes: how many.
    """

    def __init__(self, folder: str, processes: int) -> None:
        sizes = [SPEC.image_width, SPEC.image_height, SPEC.patch_size, SPEC.rho]
        command = [sys.executable, "-m", "keras_homography.benchmarks.opencv_pipeline", folder]
        self._processes = [
            subprocess.Popen(
                [*command, *map(str, sizes)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(processes)
        ]
        self.rate(0.2)  # until all of them run

    def rate(self, seconds: float) -> float:
        """Return the pairs a second of all processes together."""
        for process in self._processes:
            print(seconds, file=process.stdin, flush=True)
        answers = [process.stdout.readline() for process in self._processes if process.stdout]
        return sum(float(answer) for answer in answers)

    def __enter__(self) -> "_OpenCV":
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self._processes:
            process.communicate()  # closes their input, and so ends them


def _rate(batches: tf.data.Dataset, threads: int, seconds: float) -> float:
    """Return the elements a second of a dataset of batches, after a first one."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    iterator = iter(batches.with_options(options))
    next(iterator)
    return interleaved_timing.rate(lambda: next(iterator), BATCH_SIZE, seconds)


def _decoded(folder: str) -> tf.data.Dataset:
    """Return JPEG files decoded at reduced size and nothing else: the limit of any pipeline."""
    files = [str(path) for path in pathlib.Path(folder).rglob("*")]
    files = [path for path in files if path.lower().endswith(image_input.JPEG_SUFFIXES)]
    if not files:
        raise UserError(f"No JPEG file below {folder}: there is nothing to measure.")

    def decode(path: tf.Tensor) -> tf.Tensor:
        encoded = tf.io.read_file(path)
        return tf.shape(decoding.decode_reduced(encoded, SPEC.image_height, SPEC.image_width))

    paths = tf.data.Dataset.from_tensor_slices(files).repeat()
    return paths.map(decode, tf.data.AUTOTUNE).ignore_errors().batch(BATCH_SIZE)


def pairs(
    dataset: str, cache: str, pairs_per_image: int, batch_size: int = BATCH_SIZE
) -> tf.data.Dataset:
    """Return batches of pairs, made as for training.

    Args:
      dataset: as in `sources.open_source`.
      cache: as in `sources.open_source`.
      pairs_per_image: how many pairs to make of an image once it is decoded.
      batch_size: pairs in a batch.

    Returns:
      A dataset as from `batching.pair_batches`.
    """
    source = sources.open_source(
        dataset,
        "all",
        height=SPEC.image_height,
        width=SPEC.image_width,
        min_side=SPEC.patch_size,
        cache=cache,
        quick=True,
    )
    return batching.pair_batches(
        source, SPEC, seed=0, batch_size=batch_size, pairs_per_image=pairs_per_image
    )


def measure(dataset: str, threads: int, seconds: float) -> Iterator[dict[str, Any]]:
    """Measure every case.

    Args:
      dataset: a folder of images, or "synthetic" for generated JPEG files.
      threads: of our pipeline; as many processes make the reference's pairs.
      seconds: of each measurement.

    Yields:
      Rows of `interleaved_timing.result`, pairs/s: `decoding`, the limit of the next; `jpeg_1` and
      `jpeg_8`, JPEG files decoded every time for one pair and for eight; `cached`, images decoded
      before, one pair each; `synthetic`, images generated for 32 pairs each.

    Raises:
      UserError: there are no such images.
    """
    with contextlib.ExitStack() as stack:
        folder = dataset
        if dataset == "synthetic":
            folder = stack.enter_context(_generated_files())
        datasets = {
            "decoding": _decoded(folder),
            "jpeg_1": pairs(folder, "none", 1),
            "jpeg_8": pairs(folder, "none", 8),
            "cached": pairs(folder, "memory", 1),
            "synthetic": pairs("synthetic", "none", 32),
        }
        opencv = stack.enter_context(_OpenCV(folder, threads))
        for case, batches in datasets.items():
            ours, reference = interleaved_timing.in_turns(
                functools.partial(_rate, batches, threads, seconds),
                functools.partial(opencv.rate, seconds),
            )
            yield interleaved_timing.result(case, ours, "pairs/s", _REFERENCE, reference, threads)
