"""Keep decoded images, in memory or in a folder for all runs to come.

In a folder every image is a file of its raw bytes, named by a digest of where it comes from,
when that was changed and how it was decoded; so only new or changed images are decoded, and several
programs can share the folder.
"""

import hashlib
import math
import os
import pathlib
import re
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from keras_homography.data.indexed_source import GetImage
from keras_homography.utils import files


class DecodedImages(NamedTuple):
    """Images that can be read by number.

    Attributes:
      used: what each number stands for: paths, or numbers in a dataset.
      skipped: `{path or name: reason}` of the images that cannot be used, also logged.
      get_image: returns the image of a number below `len(used)`, in the graph.
    """

    used: list
    skipped: dict[str, str]
    get_image: GetImage


class _UnusableFile(NamedTuple):
    reason: str


def _copy_path(folder: str, *identity: object) -> str:
    """Return the path of the copy of an image. The suffix stays: folders of earlier runs use it."""
    digest = hashlib.sha256(repr(identity).encode()).hexdigest()[:24]
    return os.path.join(folder, digest[:2], f"{digest}.grey")


def _with_channels(key: tuple, channels: int) -> tuple:
    # Folders of earlier runs name their gray images by the key alone.
    return key if channels == 1 else (*key, channels)


def _write(path: str, image: np.ndarray) -> None:
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    with files.atomic_write(path) as temporary:
        temporary.write_bytes(image.tobytes())


def _from_memory(images: np.ndarray) -> GetImage:
    with tf.device("/device:CPU:0"):  # else it would fill the memory of a GPU
        stored = tf.constant(images)
    return lambda number: stored[number]


def _from_files(paths: list[str], shape: tuple[int, int, int]) -> GetImage:
    stored = tf.constant([os.fsencode(path) for path in paths], tf.string)

    def get_image(number: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.io.decode_raw(tf.io.read_file(stored[number]), tf.uint8), shape)

    return get_image


def _reason(error: tf.errors.OpError) -> str:
    """Return the message of an eager operation's error without TensorFlow's decoration."""
    message = error.message.splitlines()[0]
    asserted = re.search(r"Summarized data: b'(.*)'", message)
    return asserted[1] if asserted else re.sub(r"^{{.*?}} | \[Op:.*\].*$", "", message)


def open_uncached(
    paths: Sequence[str], decode_file: Callable[[str | tf.Tensor], tf.Tensor]
) -> DecodedImages:
    """Use files that are decoded every time they are read.

    To look at all of them would take as long as to decode them. So only the first ones are, up to
    one that can be decoded; later ones that cannot are left out of the streams, unnamed.

    Args:
      paths: of the files.
      decode_file: returns the image in a file of a path, in the graph.

    Returns:
      The images, of which some may not be decodable.
    """
    skipped: dict[str, str] = {}
    for path in paths:
        try:
            decode_file(path)
            break
        except tf.errors.OpError as error:
            files.record_skipped(path, _reason(error), skipped)
    used = [path for path in paths if path not in skipped]
    path_of_number = tf.constant([os.fsencode(path) for path in used], tf.string)
    return DecodedImages(used, skipped, lambda number: decode_file(path_of_number[number]))


def cache_files(
    paths: Sequence[str],
    decode_file: Callable[[str], tf.Tensor],
    cache: str,
    key: tuple,
    channels: int = 1,
) -> DecodedImages:
    """Decode files once and keep their images.

    Args:
      paths: of the files.
      decode_file: returns the image in a file of a path.
      cache: "memory", or the path of a folder.
      key: `(height, width, ...)`, everything else that decides how a file is decoded.
      channels: of the images.

    Returns:
      The images; none if no file can be used.

    Raises:
      OSError: the folder cannot be written.
    """
    height, width = key[:2]
    shape = height, width, channels
    key = _with_channels(key, channels)

    def decode_or_find(path: str) -> np.ndarray | str | _UnusableFile:
        """Return the image, or the path of its copy."""
        try:
            state = os.stat(path)
        except OSError as error:
            return _UnusableFile(str(error.strerror))
        try:
            if cache == "memory":
                return decode_file(path).numpy()
            copy = _copy_path(cache, os.path.abspath(path), state.st_size, state.st_mtime_ns, *key)
            if not os.path.exists(copy) or os.path.getsize(copy) != math.prod(shape):
                _write(copy, decode_file(path).numpy())
            return copy
        except tf.errors.OpError as error:
            return _UnusableFile(_reason(error))

    decoded: dict[str, Any] = {}
    skipped: dict[str, str] = {}
    progress = keras.utils.Progbar(len(paths), unit_name="image")
    # The first file of each format in this thread: two threads that are the first to call
    # TensorFlow's operators have been seen to stay in its dispatch for ever.
    first = {os.path.splitext(path)[1].lower(): path for path in reversed(paths)}
    ready = {path: decode_or_find(path) for path in first.values()}
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(
            lambda path: ready[path] if path in ready else decode_or_find(path), paths
        )
        for path, result in zip(paths, results, strict=True):
            if isinstance(result, _UnusableFile):
                files.record_skipped(path, result.reason, skipped)
            else:
                decoded[path] = result
                progress.add(1)
    if skipped:
        logging.warning("Skipped %d of %d files.", len(skipped), len(paths))
    images = list(decoded.values())
    if cache == "memory" and images:
        get_image = _from_memory(np.stack(images))
    else:
        get_image = _from_files(images, shape)
    return DecodedImages(list(decoded), skipped, get_image)


def cache_dataset(
    name: str,
    images_from: Callable[[int], tf.data.Dataset],
    count: int,
    cache: str,
    key: tuple,
    channels: int = 1,
) -> DecodedImages:
    """Decode a whole dataset once and keep its images.

    Args:
      name: of the dataset and its version.
      images_from: function of a number: the finite dataset of `(number, image)` from that number
        on, always in the same order, without those that cannot be used.
      count: how many images there are, usable or not.
      cache: "memory", or the path of a folder.
      key: `(height, width, ...)`, everything else that decides how an image is decoded.
      channels: of the images.

    Returns:
      The images; none if none can be used.

    Raises:
      OSError: the folder cannot be written.
    """
    height, width = key[:2]
    shape = height, width, channels
    key = _with_channels(key, channels)
    progress = keras.utils.Progbar(count, unit_name="image")
    used: list[int] = []
    if cache == "memory":
        images = np.empty([count, *shape], np.uint8)
        for number, image in images_from(0).as_numpy_iterator():
            images[len(used)] = image
            used.append(int(number))
            progress.add(1)
        get_image = _from_memory(images[: len(used)])
    else:
        paths = [_copy_path(cache, name, number, *key) for number in range(count)]
        _write_missing(paths, images_from, math.prod(shape), progress)
        used = [number for number, path in enumerate(paths) if os.path.getsize(path)]
        get_image = _from_files([paths[number] for number in used], shape)
    skipped: dict[str, str] = {}
    for number in sorted(set(range(count)).difference(used)):
        files.record_skipped(
            f"{name}, image {number}", "it cannot be decoded, or is too small", skipped
        )
    return DecodedImages(used, skipped, get_image)


def _write_missing(
    paths: list[str],
    images_from: Callable[[int], tf.data.Dataset],
    size: int,
    progress: keras.utils.Progbar,
) -> None:
    """Write the copies that are missing or incomplete.

    An empty copy stands for an image that cannot be used, so that it is not tried again.
    """

    def is_missing(path: str) -> bool:
        return not os.path.exists(path) or os.path.getsize(path) not in (0, size)

    missing = {number for number, path in enumerate(paths) if is_missing(path)}
    if not missing:
        return
    # Copies are written in order and atomically, so a run that was stopped goes on from here.
    for number, image in images_from(min(missing)).as_numpy_iterator():
        if number in missing:
            missing.remove(number)
            _write(paths[number], image)
        progress.update(number + 1)
    for number in missing:
        _write(paths[number], np.empty(0, np.uint8))
