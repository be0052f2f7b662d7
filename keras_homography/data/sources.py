"""Where photos come from: a folder, a TFDS dataset, or nowhere (`synthetic`).

Every source has one method, `stream(seed, start, shard)`: an endless `tf.data.Dataset` of
`(position, photo)`, int64 scalar and gray uint8 `[height, width, 1]`. It is a pure function of the
seed: `start` says how many photos to leave out, so that training can go on where it stopped, and
`shard`, `(index, count)`, takes every count-th of them, for one worker of several. A photo that
cannot be decoded is left out; the others keep their positions.
"""

import os
import typing

import tensorflow as tf

from keras_homography.data import folder_source, indexed_source, synthetic_images
from keras_homography.utils.errors import UserError


class ImageSource(typing.Protocol):
    """A source of gray images of one size.

    Attributes:
      name: What is opened: a folder's path, a TFDS dataset with version and split, or "synthetic".
      skipped: `{path or name: reason}` of the images that cannot be used.
      count: How many images there are to use; None if they never end.
    """

    name: str
    skipped: dict[str, str]
    count: int | None

    def stream(self, seed: int, start: int = 0, shard: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """Return the endless sequence of images of a seed.

        Args:
          seed: Of the order of the images; every round through them has another one.
          start: How many images to leave out, so that training goes on where it stopped.
          shard: `(index, count)`: every count-th image, from the index-th on, for one worker of
            several.

        Returns:
          A dataset of `(position, image)`: int64 scalar and gray uint8 `[height, width, 1]`; a
          pure function of the seed. An image that cannot be decoded is left out; the others keep
          their positions.
        """
        ...


class SyntheticSource:
    """Endless generated images: see `keras_homography.synthetic`."""

    name = "synthetic"
    count: int | None = None

    def __init__(self, height, width):
        self._height, self._width = height, width
        self.skipped: dict[str, str] = {}

    def stream(self, seed, start=0, shard=(0, 1)):
        """See the module."""

        def draw(position):
            seed_of_image = tf.stack([tf.cast(seed, tf.int64), position])
            return synthetic_images.draw_image(seed_of_image, self._height, self._width)

        return indexed_source.stream_positions(start, shard).map(
            indexed_source.keep_position(draw), tf.data.AUTOTUNE
        )


def open_source(
    dataset: str,
    part: str,
    *,
    height: int,
    width: int,
    min_side: int,
    data_dir: str | None = None,
    cache: str = "auto",
    quick: bool = False,
) -> ImageSource:
    """Opens a source of photos by its name.

    Args:
      dataset: "synthetic", a folder, or the name of a prepared TFDS dataset.
      part: "train", "validation", or "all" for every photo of a folder (else as "validation").
      height: of the photos, in pixels.
      width: of the photos, in pixels.
      min_side: of a usable photo, in pixels.
      data_dir: of TFDS; None for its default.
      cache: where decoded photos are kept: "memory"; the path of a folder, for all runs to come;
        "none" to decode a photo every time it is read; "auto" is "memory" for a folder of photos,
        and "none" for TFDS. Generated images are not kept.
      quick: whether photos are decoded with `decode_quickly`, for training, instead of exactly as
        evaluation needs them.

    Returns:
      A source: see the module.

    Raises:
      ValueError: there is no such dataset, it is not prepared, or nothing in it can be used.
    """
    if dataset == "synthetic":
        return SyntheticSource(height, width)
    if os.path.isdir(dataset):
        cache = "memory" if cache == "auto" else cache
        return folder_source.FolderSource(dataset, height, width, min_side, part, cache, quick)
    if os.path.exists(dataset):
        raise UserError(f"{dataset!r} is a file; give the folder that the photos are in.")
    from keras_homography.data import tfds_source  # TFDS takes a second to import

    cache = "none" if cache == "auto" else cache
    return tfds_source.open_split(dataset, part, height, width, min_side, data_dir, cache, quick)
