"""Source of the JPEG and PNG files of a folder, searched recursively."""

import os

import tensorflow as tf

from keras_homography.data import decoded_cache, decoding, indexed_source
from keras_homography.utils import files
from keras_homography.utils.errors import UserError

_HELD_OUT = 20  # one file in so many is for validation


def _find_files(folder: str | os.PathLike[str], part: str) -> list[str]:
    """Return the paths of the image files of a part, sorted."""
    paths = sorted(
        os.path.join(parent, name)
        for parent, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(decoding.SUFFIXES)
    )
    if part == "all":
        return paths
    if len(paths) < 2:
        raise UserError(
            f"{folder} has {len(paths)} JPEG or PNG files; at least 2 are needed, one of them for "
            "validation. Add images, or name another folder for validation."
        )
    held_out = paths[:: min(_HELD_OUT, len(paths))]
    return held_out if part == "validation" else sorted(set(paths) - set(held_out))


class FolderSource(indexed_source.IndexedSource):
    """All JPEG and PNG files below a folder; a `sources.ImageSource`.

    Args:
      folder: path, searched recursively.
      height: to which every image is resized, in pixels.
      width: to which every image is resized, in pixels.
      min_side: smallest side of a usable image before it is resized, in pixels.
      part: "all" images; every 20th of them, "validation"; or the others, "train".
      cache: "memory" or a folder's path, to decode all images now and keep them; or "none", to
        decode an image every time it is read.
      quick: whether to decode by `decoding.decode_quickly`.
      channels: 1 for gray images, 3 for RGB.

    Attributes:
      name: the folder.
      count: how many files are used.
      files: those files, sorted by name.
      skipped: `{file: reason}` of the files that are not used; with a cache of "none", those that
        cannot be decoded are known and named only up to the first that can be.

    Raises:
      UserError: no file can be used.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        height: int,
        width: int,
        min_side: int,
        part: str = "all",
        cache: str = "memory",
        quick: bool = False,
        channels: int = 1,
    ) -> None:
        candidates = _find_files(folder, part)
        # Reading a pipe would wait for ever.
        special = {path for path in candidates if os.path.exists(path) and not os.path.isfile(path)}
        paths = [path for path in candidates if path not in special]
        decoder = decoding.decode_quickly if quick else decoding.decode

        def decode_file(path: str | tf.Tensor) -> tf.Tensor:
            if isinstance(path, str):
                path = os.fsencode(path)  # TensorFlow takes any bytes, but text only as UTF-8
            return decoder(tf.io.read_file(path), height, width, min_side, channels)

        if cache == "none":
            images = decoded_cache.open_uncached(paths, decode_file)
        else:
            key = height, width, min_side, decoder.__name__
            images = decoded_cache.cache_files(paths, decode_file, cache, key, channels)
        for path in sorted(special):
            files.record_skipped(path, "is no regular file", images.skipped)
        if not images.used:
            reasons = "; ".join(list(images.skipped.values())[:3])
            raise UserError(
                f"No usable image below {folder}: {len(paths)} JPEG or PNG files found, "
                f"{len(images.skipped)} skipped{' (' + reasons + ')' if reasons else ''}."
            )
        self.files: list[str] = images.used
        super().__init__(
            str(folder),
            len(self.files),
            images.get_image,
            images.skipped,
            can_fail=cache != "memory",
        )
