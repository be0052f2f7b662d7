"""Open a source of images by name: a folder, a TFDS dataset, or generated images."""

import os
import typing

import tensorflow as tf

from keras_homography.data import folder_source, synthetic_source
from keras_homography.utils.errors import UserError


class ImageSource(typing.Protocol):
    """A source of images of one size, all gray or all RGB.

    Attributes:
      name: what is opened: a folder's path, a TFDS dataset with version and split, or "synthetic".
      skipped: `{path or name: reason}` of the images that cannot be used, as far as is known
        before they are decoded.
      count: how many images are used; None if they never end.
    """

    name: str
    skipped: dict[str, str]
    count: int | None

    def stream(self, seed: int, start: int = 0, shard: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """Return the endless sequence of images of a seed.

        Args:
          seed: of the order of the images; every round through them has another order.
          start: how many images to leave out, so that training goes on where it stopped.
          shard: `(index, count)`: every count-th image, from the index-th on, for one worker of
            several.

        Returns:
          A dataset of `(position, image)`: int64 scalar; uint8 `[height, width, channels]`, gray
          or RGB. It is a pure function of the seed. An image that cannot be decoded is left out;
          the others keep their positions.
        """
        ...


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
    channels: int = 1,
) -> ImageSource:
    """Open a source of images by name.

    Example:
      >>> source = open_source("synthetic", "all", height=240, width=320, min_side=128)
      >>> position, image = next(iter(source.stream(seed=0)))

    Args:
      dataset: "synthetic", a folder, or the name of a prepared TFDS dataset.
      part: "train", "validation", or "all" for every image of a folder (else as "validation").
      height: to which every image is resized, in pixels.
      width: to which every image is resized, in pixels.
      min_side: smallest side of a usable image before it is resized, in pixels.
      data_dir: where TFDS keeps its datasets; None for its default.
      cache: where decoded images are kept: "memory"; the path of a folder, for all runs to come;
        "none" to decode an image every time it is read; "auto" is "memory" for a folder of images
        and "none" for TFDS. Generated images are not kept.
      quick: whether images are decoded with `decoding.decode_quickly`, for training, instead of
        exactly as evaluation needs them.
      channels: 1 for gray images, 3 for RGB.

    Returns:
      The source.

    Raises:
      UserError: there is no such dataset, it is not prepared, or nothing in it can be used; or
        there are no images of so many channels.
    """
    if channels not in (1, 3):
        raise UserError(f"channels is {channels}; give 1 for gray images or 3 for RGB.")
    if dataset == "synthetic":
        return synthetic_source.SyntheticSource(height, width, channels)
    if os.path.isdir(dataset):
        cache = "memory" if cache == "auto" else cache
        return folder_source.FolderSource(
            dataset, height, width, min_side, part, cache, quick, channels
        )
    if os.path.exists(dataset):
        raise UserError(f"{dataset!r} is a file; give the folder that the images are in.")
    from keras_homography.data import tfds_source  # TFDS is slow to import, and rarely needed

    cache = "none" if cache == "auto" else cache
    return tfds_source.open_split(
        dataset, part, height, width, min_side, data_dir, cache, quick, channels
    )
