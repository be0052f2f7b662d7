"""Photos that are decoded once: kept in memory, or in a folder for all runs to come.

In a folder every photo is a file of its raw gray levels, named by a digest of where it comes from,
when that was changed and how it was decoded; so what is new is decoded and what is there is not,
and several programs can share the folder.
"""

import hashlib
import os
import pathlib
import re
from concurrent import futures

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from keras_homography.utils import files


def _path(folder, *what):
    digest = hashlib.sha256(repr(what).encode()).hexdigest()[:24]
    return os.path.join(folder, digest[:2], f"{digest}.grey")


def _write(path, photo):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    with files.atomic_write(path) as beside:
        beside.write_bytes(photo.tobytes())


def _from_memory(photos):
    with tf.device("/device:CPU:0"):  # else it would fill the memory of a GPU
        photos = tf.constant(photos)
    return lambda number: photos[number]


def _from_files(paths, height, width):
    paths = tf.constant(paths)

    def get(number):
        gray = tf.io.decode_raw(tf.io.read_file(paths[number]), tf.uint8)
        return tf.reshape(gray, [height, width, 1])

    return get


def _reason(error):
    """What an eager operator says is wrong, without what TensorFlow says around it."""
    message = error.message.splitlines()[0]
    asserted = re.search(r"Summarized data: b'(.*)'", message)
    return asserted[1] if asserted else re.sub(r"^{{.*?}} | \[Op:.*\].*$", "", message)


def uncached(paths, read):
    """Files that are decoded every time: none is looked at but the first ones, up to one that can
    be read.

    Args, returns: as of `keep`.
    """
    skipped: dict[str, str] = {}
    for path in paths:
        try:
            read(path)
            break
        except tf.errors.OpError as error:
            files.record_skipped(path, _reason(error), skipped)
    used = [path for path in paths if path not in skipped]
    of_number = tf.constant(used)
    return used, skipped, lambda number: read(of_number[number])


def cache_files(paths, read, cache, key):
    """Decodes files and keeps them.

    Args:
      paths: of the files.
      read: the photo in a file, in the graph.
      cache: "memory", or a folder's path.
      key: `(height, width, ...)`, all that decides how a file is decoded.

    Returns:
      `(used, skipped, get)`: paths; `{path: reason}`, also named in the log; the photo of a number
      below `len(used)`, in the graph.

    Raises:
      OSError: the folder cannot be written.
    """
    height, width = key[:2]

    def decoded(path):
        """The photo or the path of its copy; or the reason why there is neither."""
        try:
            state = os.stat(path)
        except OSError as error:
            return None, error.strerror
        try:
            if cache == "memory":
                return read(path).numpy(), None
            kept = _path(cache, os.path.abspath(path), state.st_size, state.st_mtime_ns, *key)
            if not os.path.exists(kept) or os.path.getsize(kept) != height * width:
                _write(kept, read(path).numpy())
            return kept, None
        except tf.errors.OpError as error:
            return None, _reason(error)

    found: dict = {}
    skipped: dict[str, str] = {}
    progress = keras.utils.Progbar(len(paths), unit_name="photo")
    with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, (result, reason) in zip(paths, pool.map(decoded, paths), strict=True):
            if reason is None:
                found[path] = result
                progress.add(1)
            else:
                files.record_skipped(path, reason, skipped)
    if skipped:
        logging.warning("Skipped %d of %d files.", len(skipped), len(paths))
    if not found:
        return [], skipped, None
    kept = list(found.values())
    get = _from_memory(np.stack(kept)) if cache == "memory" else _from_files(kept, height, width)
    return list(found), skipped, get


def cache_dataset(name, photos, count, cache, key):
    """Keeps a whole dataset of decoded photos.

    Args:
      name: of the dataset and its version.
      photos: function of a number: the finite dataset of `(number, photo)` from that number on,
        always in the same order, without those that cannot be used.
      count: how many there are, used or not.
      cache: "memory" or a folder's path.
      key: `(height, width, ...)`, all that decides how a photo is decoded.

    Returns:
      `(used, skipped, get)`, as of `keep`, with numbers in the place of paths.
    """
    height, width = key[:2]
    progress = keras.utils.Progbar(count, unit_name="photo")
    used: list[int] = []
    if cache == "memory":
        gray = np.empty([count, height, width, 1], np.uint8)
        for number, photo in photos(0).as_numpy_iterator():
            gray[len(used)] = photo
            used.append(int(number))
            progress.add(1)
        get = _from_memory(gray[: len(used)])
    else:
        paths = [_path(cache, name, number, *key) for number in range(count)]
        _complete(paths, photos, height * width, progress)
        used = [number for number, path in enumerate(paths) if os.path.getsize(path)]
        get = _from_files([paths[number] for number in used], height, width)
    skipped: dict[str, str] = {}
    for number in sorted(set(range(count)).difference(used)):
        files.record_skipped(
            f"{name}, photo {number}", "it cannot be decoded, or is too small", skipped
        )
    return used, skipped, get


def _complete(paths, photos, size, progress):
    """Writes those copies that are not there or not whole. An empty one stands for a photo that
    cannot be used, so that it is not tried again."""

    def is_missing(path):
        return not os.path.exists(path) or os.path.getsize(path) not in (0, size)

    missing = {number for number, path in enumerate(paths) if is_missing(path)}
    if not missing:
        return
    # They come in one order, and what a stopped run has written is whole.
    for number, photo in photos(min(missing)).as_numpy_iterator():
        if number in missing:
            missing.remove(number)
            _write(paths[number], photo)
        progress.update(number + 1)
    for number in missing:
        _write(paths[number], np.empty(0, np.uint8))
