"""Images of a folder, searched recursively."""

import os

import tensorflow as tf

from keras_homography.data import decoded_cache, decoding, indexed_source
from keras_homography.utils import files
from keras_homography.utils.errors import UserError

_SUFFIXES = (".jpg", ".jpeg", ".png")


class FolderSource(indexed_source.IndexedSource):
    """All JPEG and PNG files below a folder.

    Attributes:
      name: the folder.
      count: how many files are used.
      files: those files, in order of their names.
      skipped: `{file: reason}` for those that are not.
    """

    def __init__(self, folder, height, width, min_side, part="all", cache="memory", quick=False):
        """Finds the files and, but for a cache of "none", decodes them.

        Args:
          folder: path, searched recursively.
          height: to which every photo is stretched, in pixels.
          width: to which every photo is stretched, in pixels.
          min_side: of a usable photo, in pixels, before it is stretched.
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
                raise UserError(
                    f"{folder} has {len(paths)} JPEG or PNG files; at least 2 are needed, one of "
                    "them for validation. Add photos, or name another folder for validation."
                )
            held_out = paths[:: min(20, len(paths))]
            paths = held_out if part == "validation" else sorted(set(paths) - set(held_out))
        decoder = decoding.decode_quickly if quick else decoding.decode
        # A pipe would be waited on for ever.
        special = [path for path in paths if os.path.exists(path) and not os.path.isfile(path)]
        paths = [path for path in paths if path not in special]

        def read(path):
            return decoder(tf.io.read_file(path), height, width, min_side)

        if cache == "none":
            self.files, skipped, get = decoded_cache.uncached(paths, read)
        else:
            key = height, width, min_side, decoder.__name__
            self.files, skipped, get = decoded_cache.cache_files(paths, read, cache, key)
        for path in special:
            files.record_skipped(path, "is no regular file", skipped)
        if not self.files:
            reasons = "; ".join(list(skipped.values())[:3])
            raise UserError(
                f"No usable photo below {folder}: {len(paths)} JPEG or PNG files found, "
                f"{len(skipped)} skipped{' (' + reasons + ')' if reasons else ''}."
            )
        super().__init__(str(folder), len(self.files), get, skipped)
