"""Where photos come from: a folder, a TFDS dataset, or nowhere (`synthetic`).

Every source has one method, `stream(seed, start, shard)`: an endless `tf.data.Dataset` of
`(position, photo)`, int64 scalar and grey uint8 `[height, width, 1]`. It is a pure function of the
seed: `start` says how many photos to leave out, so that training can go on where it stopped, and
`shard`, `(index, count)`, takes every count-th of them, for one worker of several. A photo that
cannot be decoded is left out; the others keep their positions.
"""

import os

import tensorflow as tf
import tensorflow_datasets as tfds

from keras_homography import files, photo_cache, synthetic
from keras_homography.decoding import decode, decode_quickly

_SUFFIXES = (".jpg", ".jpeg", ".png")
_SPLITS = {
    "train": ["train"],
    "validation": ["validation", "test", "train"],
    "all": ["validation", "test", "train"],
}
# TFDS knows a download's size only once it is prepared; its catalogue says this of COCO 2017.
_COCO_DOWNLOAD = "25.20 GiB"


def _positions(start, shard):
    index, count = shard
    return tf.data.Dataset.range(start + index, tf.int64.max, count)


def _with_position(get):
    @tf.autograph.experimental.do_not_convert  # nothing to convert, and seconds to look for it
    def get_with_position(position, *found):
        return position, get(position, *found)

    return get_with_position


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

        return _positions(start, shard).map(_with_position(draw), tf.data.AUTOTUNE)


def number_at(position, count, seed):
    """Which of `count` items is at a position of an endless sequence of rounds through them, each
    in an order of its own: int64 scalar, a pure function of the seed."""
    seed_of_round = tf.stack([tf.cast(seed, tf.int64), position // count])
    return tf.random.experimental.index_shuffle(position % count, seed_of_round, count - 1)


class _Listed:
    """Photos that can be had in any order. Every round through them has an order of its own."""

    def __init__(self, name, count, get, skipped):
        """Args: `name`; how many photos; the photo of a number below that, in the graph; what is
        left out, `{name: reason}`."""
        self.name, self.count, self._get, self.skipped = name, count, get, skipped

    def stream(self, seed, start=0, shard=(0, 1)):
        """See the module."""

        def pick(position):
            return self._get(number_at(position, self.count, seed))

        picked = _positions(start, shard).map(_with_position(pick), tf.data.AUTOTUNE)
        return picked.ignore_errors()


class Folder(_Listed):
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


class Tfds:
    """One split of a TFDS dataset that has an `image`, decoded by us as grey every time."""

    _BLOCK = 1024  # encoded photos: about 160 MB of COCO

    def __init__(self, builder, split, height, width, least_side, quick=False):
        """Args: `builder`, prepared; `split`, a name; the size to which photos are stretched;
        `least_side` and `quick`, see `open_source`.

        Raises:
          ValueError: the dataset has no such split, or no image.
        """
        if split not in builder.info.splits:
            raise ValueError(
                f"{builder.info.full_name} has no split {split!r}; it has "
                f"{sorted(builder.info.splits)}."
            )
        if "image" not in builder.info.features:
            raise ValueError(
                f"{builder.info.full_name} has no feature 'image'; it has "
                f"{sorted(builder.info.features)}."
            )
        self.name = f"{builder.info.full_name}/{split}"
        self.count = builder.info.splits[split].num_examples
        decoder = decode_quickly if quick else decode
        self._decode = lambda encoded: decoder(encoded, height, width, least_side)
        self._encoded = builder.as_dataset(
            split=split,
            decoders=tfds.decode.PartialDecoding(
                {"image": True}, decoders={"image": tfds.decode.SkipDecoding()}
            ),
            read_config=tfds.ReadConfig(try_autocache=False),
        ).map(lambda example: example["image"])

    def stream(self, seed, start=0, shard=(0, 1)):
        """See the module. TFDS shuffles records when it prepares them; every round shuffles them
        again within blocks, and what is left out is not decoded."""

        def one_round(round_):
            def shuffle(number, block):
                # Not `Dataset.shuffle`: it takes no seed of the graph once a global one is set.
                seed_of_block = tf.stack([tf.cast(seed, tf.int64), round_ * 2**32 + number])
                return tf.random.experimental.stateless_shuffle(block, seed_of_block)

            shuffled = self._encoded.batch(self._BLOCK).enumerate().map(shuffle).unbatch()
            return shuffled.enumerate(round_ * self.count)

        index, count = shard
        return (
            tf.data.Dataset.counter(start // self.count)
            .flat_map(one_round)
            .skip(start % self.count)
            .shard(count, index)
            .map(_with_position(lambda _, encoded: self._decode(encoded)), tf.data.AUTOTUNE)
            .ignore_errors()
        )

    def keep(self, cache, key):
        """All of the photos, decoded once: see `photo_cache.keep_all`.

        Raises:
          ValueError: none can be used.
        """

        decode_numbered = _with_position(lambda _, encoded: self._decode(encoded))

        def photos(start):
            numbered = self._encoded.enumerate().skip(start)
            return numbered.map(decode_numbered, tf.data.AUTOTUNE).ignore_errors()

        used, skipped, get = photo_cache.keep_all(self.name, photos, self.count, cache, key)
        if not used:
            raise ValueError(f"No usable photo in {self.name}: all {self.count} are skipped.")
        return _Listed(self.name, len(used), get, skipped)


def _open_tfds(name, part, height, width, least_side, data_dir, cache, quick):
    """A split of a prepared TFDS dataset; see `open_source`."""
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{name!r} is neither a folder nor a TFDS dataset: {str(error).splitlines()[0]} Give "
            "a folder of photos, a TFDS name such as coco/2017, or 'synthetic', which needs no "
            "data."
        ) from None
    if not builder.is_prepared():
        size = _COCO_DOWNLOAD if name.startswith("coco") else str(builder.info.download_size)
        raise ValueError(
            f"The TFDS dataset {name!r} is not prepared in {builder.data_dir}. Prepare it once "
            f"with `tfds build {name}{f' --data_dir {data_dir}' if data_dir else ''}` (download: "
            f"{size}). Two sources need no preparation: a folder of photos "
            "(--dataset=path/to/photos) and generated images (--dataset=synthetic)."
        )
    splits = builder.info.splits
    split = next((split for split in _SPLITS[part] if split in splits), _SPLITS[part][0])
    source = Tfds(builder, split, height, width, least_side, quick)
    return source if cache == "none" else source.keep(cache, (height, width, least_side, quick))


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
    return _open_tfds(dataset, part, height, width, least_side, data_dir, cache, quick)
