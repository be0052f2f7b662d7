"""Unlabeled pairs: adjacent frames of a video or of folders of images."""

import os
import re
from collections.abc import Callable

import cv2
import keras
import numpy as np
import tensorflow as tf

from keras_homography.data import indexed_source
from keras_homography.utils import files, image_input
from keras_homography.utils.errors import UserError

# Of an image read from a file -> gray, of the size of all frames.
_Resize = Callable[[np.ndarray], np.ndarray]
_NUMBERS = re.compile(r"(\d+)")
_HELD_OUT = 20  # one sequence, or frame, in so many is for validation


def _by_number(name: str) -> list[tuple[bool, int | str]]:
    """Return a key that sorts names by the numbers in them: frame 10 comes after frame 9."""
    parts = _NUMBERS.split(name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else part) for part in parts]


def _find_sequences(folder: str, skipped: dict[str, str]) -> list[list[str]]:
    """Return the image files of every folder below one that has at least two, in order."""
    sequences = []
    for parent, folders, names in os.walk(folder):
        folders.sort(key=_by_number)
        names = [name for name in names if name.lower().endswith(image_input.SUFFIXES)]
        if len(names) == 1:
            files.record_skipped(parent, "it holds one frame, and a pair needs two", skipped)
        elif names:
            sequences.append([os.path.join(parent, name) for name in sorted(names, key=_by_number)])
    return sequences


def _check_size(frame: np.ndarray, first: np.ndarray, name: str) -> None:
    if frame.shape != first.shape:
        raise UserError(
            f"{name} has {frame.shape[1]}x{frame.shape[0]} pixels, and the frames before it have "
            f"{first.shape[1]}x{first.shape[0]}. The frames of a sequence must be of one size."
        )


def _read_sequence(
    paths: list[str], resize: _Resize, progress: keras.utils.Progbar, skipped: dict[str, str]
) -> list[list[np.ndarray]]:
    """Read a sequence of files; a file that cannot be read divides it into two sequences."""
    sequences: list[list[np.ndarray]] = [[]]
    first = None
    for path in paths:
        progress.add(1)
        try:
            image = image_input.read_image(path)
        except UserError as error:
            files.record_skipped(path, str(error), skipped)
            sequences.append([])
            continue
        first = image if first is None else first
        _check_size(image, first, path)
        sequences[-1].append(resize(image))
    return [frames for frames in sequences if len(frames) > 1]


def _read_video(path: str, resize: _Resize, skipped: dict[str, str]) -> list[list[np.ndarray]]:
    """Read a video; a damaged frame divides it into two sequences."""
    numbered, count = image_input.read_video(path)
    progress = keras.utils.Progbar(count or None, unit_name="frame")
    sequences: list[list[np.ndarray]] = [[]]
    for number, image in numbered:
        progress.update(number + 1)
        if image is None:
            files.record_skipped(f"{path}, frame {number}", "it is damaged", skipped)
            sequences.append([])
        else:
            sequences[-1].append(resize(image))
    return [frames for frames in sequences if len(frames) > 1]


def _select_part(sequences: list[list[np.ndarray]], part: str) -> list[list[np.ndarray]]:
    """Return the sequences of a part: some of several, the start or end of a single one."""
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


def _read(
    dataset: str, height: int, width: int, part: str, skipped: dict[str, str]
) -> list[list[np.ndarray]]:
    """Return the sequences of a part, each a list of uint8 `[height, width]`."""

    def resize(image: np.ndarray) -> np.ndarray:
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        shrinks = gray.shape[0] >= height and gray.shape[1] >= width
        interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return cv2.resize(gray, (width, height), interpolation=interpolation)

    if not os.path.isdir(dataset):
        return _select_part(_read_video(dataset, resize, skipped), part)
    sequences = _find_sequences(dataset, skipped)
    progress = keras.utils.Progbar(sum(map(len, sequences)), unit_name="frame")
    # Read all of them, as the choice of a part must not depend on what cannot be read.
    frames_of_sequences = [
        frames for paths in sequences for frames in _read_sequence(paths, resize, progress, skipped)
    ]
    return _select_part(frames_of_sequences, part)


class FramePairs:
    """Pairs of adjacent frames, whose homography nobody knows, kept in memory.

    They take a byte a pixel. Every folder that contains images is a sequence, in the order of the
    numbers in their names: frames, or the two images of a pair.

    Args:
      dataset: path of a video, or of a folder, searched recursively.
      height: to which every frame is resized, in pixels.
      width: to which every frame is resized, in pixels.
      part: "all" sequences; the last twentieth of them, "validation" (of a single one, its last
        frames); or the others, "train".

    Attributes:
      name: the dataset's path.
      count: how many pairs.
      skipped: `{path: reason}` of the files that cannot be read, and of folders with one frame.

    Raises:
      UserError: there is no sequence of two frames, or its frames are of several sizes.
    """

    def __init__(
        self, dataset: str | os.PathLike[str], height: int, width: int, part: str = "all"
    ) -> None:
        if not os.path.exists(dataset):
            raise UserError(
                f"{dataset} does not exist; learning without labels needs a folder of frames, a "
                "video, or a folder of folders with two images each."
            )
        self.skipped: dict[str, str] = {}
        sequences = _read(os.fspath(dataset), height, width, part, self.skipped)
        if not sequences:
            raise UserError(f"{dataset} holds no two frames to compare, in one folder or video.")
        self.name = str(dataset)
        ends = np.cumsum([len(frames) for frames in sequences])
        first = np.setdiff1d(np.arange(ends[-1]), ends - 1)  # the last of a sequence has no next
        self.count = len(first)
        with tf.device("/device:CPU:0"):  # else it would fill the memory of a GPU
            self._first = tf.constant(first)
            self._frames = tf.constant(np.concatenate(sequences)[..., None])

    def batches(
        self,
        *,
        seed: int,
        batch_size: int,
        patch_size: int,
        start_step: int = 0,
        shard: tuple[int, int] = (0, 1),
    ) -> tf.data.Dataset:
        """Return endless batches of pairs of patches, cut from both frames at one random place.

        A pair is a pure function of the seed and of its number, like those of
        `batching.pair_batches`; which frame is A is random too.

        Args:
          seed: of the order, the places and the choice of A.
          batch_size: pairs in a batch, over all workers.
          patch_size: in pixels, at most the frames' sides.
          start_step: number of the first batch.
          shard: `(index, count)`: which of how many workers this is; count divides batch_size.

        Returns:
          A dataset of `(patches,)`: float32 `[n, patch_size, patch_size, 2]`, gray levels in
          0..255.

        Raises:
          UserError: the frames are smaller than a patch.
        """
        height, width = self._frames.shape[1:3]
        if min(height, width) < patch_size:
            raise UserError(
                f"Frames of {width}x{height} pixels hold no patch of {patch_size}: give a larger "
                "--image_size or a smaller --patch_size."
            )
        limits = tf.constant([2, height - patch_size + 1, width - patch_size + 1], tf.int32)

        def cut(index: tf.Tensor) -> tuple[tf.Tensor]:
            seed_of_pair = tf.stack([tf.cast(seed, tf.int64), index])
            drawn = tf.random.stateless_uniform(
                [3], seed_of_pair, 0, tf.int32.max, tf.int32, alg="philox"
            )
            swap, top, left = tf.unstack(drawn % limits)
            first = self._first[indexed_source.shuffled_index(index, self.count, seed)]
            pair = tf.stack([self._frames[first], self._frames[first + 1]])
            patches = pair[:, top : top + patch_size, left : left + patch_size, 0]
            patches = tf.transpose(tf.roll(patches, swap, axis=0), [1, 2, 0])
            patches = tf.ensure_shape(patches, [patch_size, patch_size, 2])
            return (tf.cast(patches, tf.float32),)

        worker, workers = shard
        indices = tf.data.Dataset.range(start_step * batch_size + worker, tf.int64.max, workers)
        made = indices.map(cut, tf.data.AUTOTUNE)
        return made.batch(batch_size // workers, drop_remainder=True).prefetch(tf.data.AUTOTUNE)

    def validation_batches(self, count: int, patch_size: int, seed: int) -> tf.data.Dataset:
        """Return the first `count` pairs of a seed, always the same, kept in memory.

        Args:
          count: how many pairs.
          patch_size: in pixels, at most the frames' sides.
          seed: of the order, the places and the choice of A.

        Returns:
          A finite dataset of `(patches,)` as from `batches`.

        Raises:
          UserError: the frames are smaller than a patch.
        """
        one_by_one = self.batches(seed=seed, batch_size=1, patch_size=patch_size).unbatch()
        return one_by_one.take(count).batch(64).cache()
