"""Where photos come from: a folder, a TFDS dataset, or nowhere (`synthetic`).

Every source has one method, `stream(seed, start, shard)`: an endless `tf.data.Dataset` of
`(position, photo)`, int64 scalar and grey uint8 `[height, width, 1]`. It is a pure function of the
seed: `start` says how many photos to leave out, so that training can go on where it stopped, and
`shard`, `(index, count)`, takes every count-th of them, for one worker of several. A photo that
cannot be decoded is left out; the others keep their positions.
"""

import os

import tensorflow as tf

from keras_homography import files, photo_cache, photo_streams, synthetic, tfds_photos
from keras_homography.decoding import decode, decode_quickly

_SUFFIXES = (".jpg", ".jpeg", ".png")


class Synthetic:
    """Endless generated images: see `keras_homography.synthetic`."""

    name = "synthetic"

    def __init__(self, height, width):
        self._height, self._width = height, width

    def stream(self, seed, start=0, shard=(0, 1)):
        """See the module."""

        def draw(position):
            seed_of_image = tf.stack([tf.cast(seed, tf.int64), position])
            return synthetic.draw_image(seed_of_image, self._height, self._width)

        return photo_streams.positions(start, shard).map(
            photo_streams.with_position(draw), tf.data.AUTOTUNE
        )


class Folder(photo_streams.Listed):
    """All JPEG and PNG files below a folder.

    Attributes:
      name: the folder.
      count: how many files are used.
      files: those files, in order of their names.
      skipped: `{file: reason}` for those that are not.
    """

    def __init__(self, folder, height, width, least_side, part="all", cache="memory", quick=False):
        """Finds the files and, but for a cache of "none", decodes them.

        Args:
          folder: path, searched recursively.
          height: to which every photo is stretched, in pixels.
          width: to which every photo is stretched, in pixels.
          least_side: of a usable photo, in pixels, before it is stretched.
          part: "all" photos; or every 20th, "validation"; or the others, "train".
          cache: where decoded photos are kept: "memory", a folder's path, or "none".
          quick: see `open_source`.

        Raises:
          ValueError: no file can be used.
        """
        paths = sorted(
            os.path.join(parent, name)
            for parent, _, names in os.walk(folder)
            for name in names
            if name.lower().endswith(_SUFFIXES)
        )
        if part != "all":
            if len(paths) < 2:
                raise ValueError(
                    f"{folder} has {len(paths)} JPEG or PNG files; at least 2 are needed, one of "
                    "them for validation. Add photos, or name another folder for validation."
                )
            held_out = paths[:: min(20, len(paths))]
            paths = held_out if part == "validation" else sorted(set(paths) - set(held_out))
        decoder = decode_quickly if quick else decode
        # A pipe would be waited on for ever.
        special = [path for path in paths if os.path.exists(path) and not os.path.isfile(path)]
        paths = [path for path in paths if path not in special]

        def read(path):
            return decoder(tf.io.read_file(path), height, width, least_side)

        if cache == "none":
            self.files, skipped, get = photo_cache.keep_none(paths, read)
        else:
            key = height, width, least_side, decoder.__name__
            self.files, skipped, get = photo_cache.keep(paths, read, cache, key)
        for path in special:
            files.skip(path, "is no regular file", skipped)
        if not self.files:
            reasons = "; ".join(list(skipped.values())[:3])
            raise ValueError(
                f"No usable photo below {folder}: {len(paths)} JPEG or PNG files found, "
                f"{len(skipped)} skipped{' (' + reasons + ')' if reasons else ''}."
            )
        super().__init__(str(folder), len(self.files), get, skipped)


def open_source(dataset, part, height, width, least_side, data_dir=None, cache="auto", quick=False):
    """Opens a source of photos by its name.

    Args:
      dataset: "synthetic", a folder, or the name of a prepared TFDS dataset.
      part: "train", "validation", or "all" for every photo of a folder (else as "validation").
      height: of the photos, in pixels.
      width: of the photos, in pixels.
      least_side: of a usable photo, in pixels.
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
        return Synthetic(height, width)
    if os.path.isdir(dataset):
        cache = "memory" if cache == "auto" else cache
        return Folder(dataset, height, width, least_side, part, cache, quick)
    if os.path.exists(dataset):
        raise ValueError(f"{dataset!r} is a file; give the folder that the photos are in.")
    cache = "none" if cache == "auto" else cache
    return tfds_photos.open_split(dataset, part, height, width, least_side, data_dir, cache, quick)
