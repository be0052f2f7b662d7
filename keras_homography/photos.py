"""Where photos come from: a TFDS dataset, a folder, or nowhere (`synthetic`).

Every source has one method, `stream(seed, start)`: an endless `tf.data.Dataset` of grey photos,
uint8 `[height, width, 1]`. It is a pure function of the seed, and `start` only says how many to
leave out, so that training can go on where it stopped.
"""

import os
import pathlib
from concurrent import futures

import keras
import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import logging

from keras_homography import synthetic

_SUFFIXES = {".jpg", ".jpeg", ".png"}
_SPLITS = {
    "train": ["train"],
    "validation": ["validation", "test", "train"],
    "all": ["validation", "test", "train"],
}
# TFDS knows a download's size only once it is prepared; its catalogue says this of COCO 2017.
_COCO_DOWNLOAD = "25.20 GiB"


def decode(encoded, height, width):
    """A JPEG or PNG file as a grey photo of the given size, stretched to it, in the graph.

    Resampled as `cv2.resize` does with INTER_AREA: by area where both sides shrink, else bilinear.

    Args:
      encoded: string scalar, the bytes of the file.
      height: of the result, in pixels.
      width: of the result, in pixels.

    Returns:
      uint8 `[height, width, 1]`.
    """
    photo = tf.io.decode_image(encoded, channels=1, expand_animations=False)
    photo = tf.cast(tf.ensure_shape(photo, [None, None, 1]), tf.float32)[None]
    shape = tf.shape(photo)
    resized = tf.cond(
        (shape[1] >= height) & (shape[2] >= width),
        lambda: tf.image.resize(photo, [height, width], "area"),
        lambda: tf.image.resize(photo, [height, width], "bilinear"),
    )
    return tf.cast(tf.round(resized[0]), tf.uint8)


class Synthetic:
    """Endless generated images: see `keras_homography.synthetic`."""

    name = "synthetic"

    def __init__(self, height, width):
        self._height, self._width = height, width

    def stream(self, seed, start=0):
        """See the module."""

        def draw(index):
            seed_of_image = tf.stack([tf.cast(seed, tf.int64), index])
            return synthetic.draw_image(seed_of_image, self._height, self._width)

        return tf.data.Dataset.counter(start).map(draw, num_parallel_calls=tf.data.AUTOTUNE)


class Folder:
    """All JPEG and PNG files below a folder, decoded once and kept in memory as grey uint8.

    Files that cannot be read, and photos with a side below `least_side`, are left out, counted and
    named in the log.

    Attributes:
      name: the folder.
      files: the files that are used, in order of their names.
      skipped: `{file: reason}` for those that are not.
    """

    def __init__(self, folder, height, width, least_side, part="all"):
        """Reads the folder.

        Args:
          folder: path, searched recursively.
          height: to which every photo is stretched, in pixels.
          width: to which every photo is stretched, in pixels.
          least_side: of a usable photo, in pixels, before it is stretched.
          part: "all" photos; or every 20th, "validation"; or the others, "train".

        Raises:
          ValueError: no file can be used.
        """
        self.name = str(folder)
        paths = sorted(
            os.path.join(parent, file)
            for parent, _, files in os.walk(folder)
            for file in files
            if pathlib.Path(file).suffix.lower() in _SUFFIXES
        )
        if part != "all":
            if len(paths) < 2:
                raise ValueError(
                    f"{folder} has {len(paths)} JPEG or PNG files; at least 2 are needed, one of "
                    "them for validation. Add photos, or name another folder for validation."
                )
            held_out = paths[:: min(20, len(paths))]
            paths = held_out if part == "validation" else sorted(set(paths) - set(held_out))

        def read(path):
            try:
                photo = tf.io.decode_image(
                    tf.io.read_file(path), channels=1, expand_animations=False
                )
                if min(photo.shape[:2]) < least_side:
                    return f"{photo.shape[1]}x{photo.shape[0]} is below {least_side} pixels"
                return decode(tf.io.read_file(path), height, width).numpy()
            except (tf.errors.OpError, ValueError) as error:
                return str(error).splitlines()[0]

        self.files, self.skipped, decoded = [], {}, []
        progress = keras.utils.Progbar(len(paths), unit_name="photo")
        with futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for path, result in zip(paths, pool.map(read, paths), strict=True):
                if isinstance(result, str):
                    self.skipped[path] = result
                else:
                    self.files.append(path)
                    decoded.append(result)
                progress.add(1)
        for path, reason in self.skipped.items():
            logging.warning("Skipped %s: %s", path, reason)
        if self.skipped:
            logging.warning("Skipped %d of %d files.", len(self.skipped), len(paths))
        if not decoded:
            reasons = "; ".join(list(self.skipped.values())[:3])
            raise ValueError(
                f"No usable photo below {folder}: {len(paths)} JPEG or PNG files found, "
                f"{len(self.skipped)} skipped{' (' + reasons + ')' if reasons else ''}."
            )
        with tf.device("/device:CPU:0"):  # else it would fill the memory of a GPU
            self._photos = tf.constant(np.stack(decoded))

    def stream(self, seed, start=0):
        """See the module. Every round through the folder has an order of its own."""
        count = len(self._photos)

        def pick(index):
            round_, position = index // count, index % count
            seed_of_round = tf.stack([tf.cast(seed, tf.int64), round_])
            order = tf.random.experimental.index_shuffle(position, seed_of_round, count - 1)
            return tf.gather(self._photos, order)

        return tf.data.Dataset.counter(start).map(pick, num_parallel_calls=tf.data.AUTOTUNE)


class Tfds:
    """One split of a TFDS dataset that has an `image`, decoded by us as grey."""

    _BLOCK = 1024  # encoded photos: about 160 MB of COCO

    def __init__(self, builder, split, height, width):
        """Args: `builder`, prepared; `split`, a name; the size to which photos are stretched.

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
        self._builder, self._split = builder, split
        self._height, self._width = height, width
        self._count = builder.info.splits[split].num_examples

    def stream(self, seed, start=0):
        """See the module. TFDS shuffles records when it prepares them; every round shuffles them
        again within blocks, and skipping does not decode."""
        encoded = self._builder.as_dataset(
            split=self._split,
            decoders=tfds.decode.PartialDecoding(
                {"image": True}, decoders={"image": tfds.decode.SkipDecoding()}
            ),
            read_config=tfds.ReadConfig(try_autocache=False),
        ).map(lambda example: example["image"])

        def one_round(round_):
            def shuffle(number, block):
                # Not `Dataset.shuffle`: it takes no seed of the graph once a global one is set.
                seed_of_block = tf.stack([tf.cast(seed, tf.int64), round_ * 2**32 + number])
                return tf.random.experimental.stateless_shuffle(block, seed_of_block)

            return encoded.batch(self._BLOCK).enumerate().map(shuffle).unbatch()

        return (
            tf.data.Dataset.counter(start // self._count)
            .flat_map(one_round)
            .skip(start % self._count)
            .map(
                lambda photo: decode(photo, self._height, self._width),
                num_parallel_calls=tf.data.AUTOTUNE,
            )
        )


def _open_tfds(name, part, height, width, data_dir):
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
    return Tfds(builder, split, height, width)


def open_source(dataset, part, height, width, least_side, data_dir=None):
    """Opens a source of photos by its name.

    Args:
      dataset: "synthetic", a folder, or the name of a prepared TFDS dataset.
      part: "train", "validation", or "all" for every photo of a folder (else as "validation").
      height: of the photos, in pixels.
      width: of the photos, in pixels.
      least_side: of a usable photo in a folder, in pixels.
      data_dir: of TFDS; None for its default.

    Returns:
      A source: see the module.

    Raises:
      ValueError: there is no such dataset, it is not prepared, or nothing in it can be used.
    """
    if dataset == "synthetic":
        return Synthetic(height, width)
    if os.path.isdir(dataset):
        return Folder(dataset, height, width, least_side, part)
    if os.path.exists(dataset):
        raise ValueError(f"{dataset!r} is a file; give the folder that the photos are in.")
    return _open_tfds(dataset, part, height, width, data_dir)
