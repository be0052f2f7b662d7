"""Pairs that nobody has labeled: frames next to each other, of a video or of folders of images."""

import os
import re

import cv2
import keras
import numpy as np
import tensorflow as tf

from keras_homography.data import indexed_source
from keras_homography.utils import files, image_input
from keras_homography.utils.errors import UserError

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")
_PARTS = re.compile(r"(\d+)")
_HELD_OUT = 20  # one part in so many is for validation


def _in_order(name):
    """A key to sort names by: frame 10 comes after frame 9."""
    parts = _PARTS.split(name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else part) for part in parts]


def _files_of_sequences(folder, skipped):
    """The image files of every folder below one, in order, where there are at least two."""
    sequences = []
    for parent, folders, names in os.walk(folder):
        folders.sort(key=_in_order)
        names = [name for name in names if name.lower().endswith(_SUFFIXES)]
        if len(names) == 1:
            files.record_skipped(parent, "it holds one frame, and a pair needs two", skipped)
        elif names:
            sequences.append([os.path.join(parent, name) for name in sorted(names, key=_in_order)])
    return sequences


def _check_size(frame, first, name):
    if frame.shape != first.shape:
        raise UserError(
            f"{name} has {frame.shape[1]}x{frame.shape[0]} pixels, and the frames before it have "
            f"{first.shape[1]}x{first.shape[0]}. The frames of a sequence must be of one size."
        )


def _read_files(paths, resize, progress, skipped):
    """The sequences in a sequence of files: one ends and another begins where a file cannot be
    read."""
    sequences: list[list] = [[]]
    first = None
    for path in paths:
        progress.add(1)
        try:
            image = image_input.read_image(path)
        except ValueError as error:
            files.record_skipped(path, str(error), skipped)
            sequences.append([])
            continue
        first = image if first is None else first
        _check_size(image, first, path)
        sequences[-1].append(resize(image))
    return [frames for frames in sequences if len(frames) > 1]


def _read_video(path, resize):
    numbered, count = image_input.read_video(path)
    progress = keras.utils.Progbar(count or None, unit_name="frame")
    frames = []
    for number, image in numbered:
        frames.append(resize(image))
        progress.update(number + 1)
    return frames


def _part(sequences, part):
    """The sequences for training or validation: of several some, of a single one its end."""
    if part == "all" or not sequences:
        return sequences
    if len(sequences) > 1:
        held_out = -(-len(sequences) // _HELD_OUT)
        return sequences[-held_out:] if part == "validation" else sequences[:-held_out]
    frames = sequences[0]
    if len(frames) < 4:
        raise UserError(
            f"{len(frames)} frames are too few to hold some out for validation; at least 4 are "
            "needed, or other frames in --validation_dataset."
        )
    held_out = max(2, len(frames) // _HELD_OUT)
    return [frames[-held_out:]] if part == "validation" else [frames[:-held_out]]


def _read(dataset, height, width, part, skipped):
    """The sequences of frames of a part, each a list of uint8 `[height, width]`."""

    def resize(image):
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        shrinks = gray.shape[0] >= height and gray.shape[1] >= width
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return cv2.resize(gray, (width, height), interpolation=how)

    if not os.path.isdir(dataset):
        frames = _read_video(dataset, resize)
        return _part([frames] if len(frames) > 1 else [], part)
    sequences = _files_of_sequences(dataset, skipped)
    progress = keras.utils.Progbar(sum(map(len, sequences)), unit_name="frame")
    # All of them: which part is which must not depend on what cannot be read.
    read = [each for paths in sequences for each in _read_files(paths, resize, progress, skipped)]
    return _part(read, part)


class FramePairs:
    """Pairs of frames next to each other, kept in memory: a byte a pixel.

    Attributes:
      name: as given.
      count: how many pairs.
      skipped: `{path: reason}` of the files that cannot be read, and of folders with one frame.
    """

    def __init__(self, dataset, height, width, part="all"):
        """Reads all frames.

        Args:
          dataset: a video, or a folder. Every folder in it, itself included, that holds images is
            a sequence in the order of their names: frames, or the two images of a pair.
          height: to which every frame is stretched, in pixels.
          width: to which every frame is stretched, in pixels.
          part: "all" sequences; or the last twentieth of them, "validation" (of a single one, its
            last frames); or the others, "train".

        Raises:
          ValueError: there is no sequence of two frames, or its frames are of several sizes.
        """
        if not os.path.exists(dataset):
            raise UserError(
                f"{dataset} does not exist; learning without labels needs a folder of frames, a "
                "video, or a folder of folders with two images each."
            )
        self.skipped: dict[str, str] = {}
        sequences = _read(dataset, height, width, part, self.skipped)
        if not sequences:
            raise UserError(f"{dataset} holds no two frames to compare, in one folder or video.")
        self.name = str(dataset)
        ends = np.cumsum([len(frames) for frames in sequences])
        first = np.setdiff1d(np.arange(ends[-1]), ends - 1)  # the last of a sequence has no next
        self.count = len(first)
        with tf.device("/device:CPU:0"):  # else it would fill the memory of a GPU
            self._first = tf.constant(first)
            self._frames = tf.constant(np.concatenate(sequences)[..., None])

    def batches(self, *, seed, batch_size, patch_size, start_step=0, shard=(0, 1)):
        """Endless batches of pairs of patches, cut from both frames at the same random place.

        A pair is a pure function of the seed and of its number, like those of
        `batching.pair_batches`; which frame is A is random too.

        Args:
          seed: int, of the order, of places and of roles.
          batch_size: pairs in a batch, over all workers.
          patch_size: in pixels, at most the frames' sides.
          start_step: number of the first batch.
          shard: `(index, count)`: of which worker this is the part.

        Returns:
          A dataset of `(patches,)`: float32 `[n, patch_size, patch_size, 2]`, gray levels in
          0..255.

        Raises:
          ValueError: the frames are smaller than a patch.
        """
        height, width = self._frames.shape[1:3]
        if min(height, width) < patch_size:
            raise UserError(
                f"Frames of {width}x{height} pixels hold no patch of {patch_size}: give a larger "
                "--image_size or a smaller --patch_size."
            )
        limits = tf.constant([2, height - patch_size + 1, width - patch_size + 1], tf.int32)

        def cut(index):
            seed_of_pair = tf.stack([tf.cast(seed, tf.int64), index])
            drawn = tf.random.stateless_uniform(
                [3], seed_of_pair, 0, tf.int32.max, tf.int32, alg="philox"
            )
            role, top, left = tf.unstack(drawn % limits)
            first = self._first[indexed_source.shuffled_index(index, self.count, seed)]
            pair = tf.stack([self._frames[first], self._frames[first + 1]])
            patches = pair[:, top : top + patch_size, left : left + patch_size, 0]
            patches = tf.transpose(tf.roll(patches, role, axis=0), [1, 2, 0])
            patches = tf.ensure_shape(patches, [patch_size, patch_size, 2])
            return (tf.cast(patches, tf.float32),)

        worker, workers = shard
        indices = tf.data.Dataset.range(start_step * batch_size + worker, tf.int64.max, workers)
        made = indices.map(cut, tf.data.AUTOTUNE)
        return made.batch(batch_size // workers, drop_remainder=True).prefetch(tf.data.AUTOTUNE)

    def validation(self, count, patch_size, seed):
        """The first `count` pairs of a seed, always the same, kept in memory: a finite dataset as
        of `batches`."""
        one_by_one = self.batches(seed=seed, batch_size=1, patch_size=patch_size).unbatch()
        return one_by_one.take(count).batch(64).cache()
