"""Photos -> pairs: our pipeline against as many processes of OpenCV as it has threads."""

import contextlib
import functools
import pathlib
import subprocess
import sys
import tempfile

import tensorflow as tf

from keras_homography.benchmarks import interleaved
from keras_homography.data import batching, decoding, sources
from keras_homography.data.pair_spec import PairSpec
from keras_homography.utils.errors import UserError

SPEC = PairSpec()
BATCH_SIZE = 64
_REFERENCE = "OpenCV, decoding for every pair"


@contextlib.contextmanager
def _generated_photos(count=64):
    """A folder of generated JPEG photos of 640x480."""
    with tempfile.TemporaryDirectory() as folder:
        stream = sources.SyntheticSource(480, 640).stream(seed=0).take(count)
        for position, photo in stream.as_numpy_iterator():
            encoded = tf.io.encode_jpeg(photo.repeat(3, axis=-1), quality=90)
            pathlib.Path(folder, f"{position}.jpg").write_bytes(encoded.numpy())
        yield folder


class _OpenCV:
    """Processes that make pairs at the same time, each on one thread."""

    def __init__(self, folder, processes):
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

    def rate(self, seconds):
        """Pairs a second of all processes together."""
        for process in self._processes:
            print(seconds, file=process.stdin, flush=True)
        answers = [process.stdout.readline() for process in self._processes if process.stdout]
        return sum(float(answer) for answer in answers)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for process in self._processes:
            process.communicate()  # nothing more to ask: they end


def _rate(dataset, threads, seconds):
    """Elements a second of a dataset of batches, after a first one."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    batches = iter(dataset.with_options(options))
    next(batches)
    return interleaved.rate(lambda: next(batches), BATCH_SIZE, seconds)


def _decoded(folder):
    """JPEG files decoded at reduced size, and nothing else: what no pipeline can beat."""
    files = [str(path) for path in pathlib.Path(folder).rglob("*")]
    files = [path for path in files if path.lower().endswith((".jpg", ".jpeg"))]
    if not files:
        raise UserError(f"No JPEG file below {folder}: there is nothing to measure.")

    def decode(path):
        encoded = tf.io.read_file(path)
        return tf.shape(decoding.decode_reduced(encoded, SPEC.image_height, SPEC.image_width))

    paths = tf.data.Dataset.from_tensor_slices(files).repeat()
    return paths.map(decode, tf.data.AUTOTUNE).ignore_errors().batch(BATCH_SIZE)


def pairs(dataset, cache, pairs_per_image, batch_size=BATCH_SIZE):
    """Our batches of pairs, as training has them: of `sources.open_source`."""
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


def measure(dataset, threads, seconds):
    """Measures every case.

    Args:
      dataset: a folder of photos, or "synthetic" for generated JPEG files.
      threads: of our pipeline; as many processes make the reference's pairs.
      seconds: of each measurement.

    Yields:
      Of `turns.result`, pairs/s: `decoding`, the limit of the next; `jpeg_1` and `jpeg_8`, JPEG
      files decoded every time for one pair and for eight; `cached`, photos decoded before, one pair
      each; `synthetic`, images generated for 32 pairs each.

    Raises:
      ValueError: there are no such photos.
    """
    with contextlib.ExitStack() as stack:
        folder = dataset
        if dataset == "synthetic":
            folder = stack.enter_context(_generated_photos())
        cases = {
            "decoding": lambda: _decoded(folder),
            "jpeg_1": lambda: pairs(folder, "none", 1),
            "jpeg_8": lambda: pairs(folder, "none", 8),
            "cached": lambda: pairs(folder, "memory", 1),
            "synthetic": lambda: pairs("synthetic", "none", 32),
        }
        datasets_of = {case: make() for case, make in cases.items()}
        opencv = stack.enter_context(_OpenCV(folder, threads))
        for case, batches in datasets_of.items():
            ours, reference = interleaved.in_turns(
                functools.partial(_rate, batches, threads, seconds),
                functools.partial(opencv.rate, seconds),
            )
            yield interleaved.result(case, ours, "pairs/s", _REFERENCE, reference, threads)
