"""Source of the images of a TensorFlow Datasets (TFDS) dataset."""

import os

import tensorflow as tf
import tensorflow_datasets as tfds

from keras_homography.data import decoded_cache, decoding, endless_stream, indexed_source
from keras_homography.data.sources import ImageSource
from keras_homography.utils.errors import UserError

_SPLITS = {
    "train": ["train"],
    "validation": ["validation", "test", "train"],
    "all": ["validation", "test", "train"],
}
# TFDS knows a download's size only once it is prepared; its catalog says this of COCO 2017.
_COCO_DOWNLOAD = "25.20 GiB"


class TfdsSource:
    """One split of a TFDS dataset, decoded every time; a `sources.ImageSource`.

    Args:
      builder: a prepared `tfds.core.DatasetBuilder` of a dataset that has a feature "image".
      split: name of the split.
      height: to which every image is resized, in pixels.
      width: to which every image is resized, in pixels.
      min_side: smallest side of a usable image before it is resized, in pixels.
      quick: whether to decode by `decoding.decode_quickly`.
      channels: 1 for gray images, 3 for RGB.

    Attributes:
      name: of the dataset, its version and the split.
      count: how many images the split has; those that cannot be decoded are left out of streams.
      skipped: empty: what cannot be decoded is not known in advance; see `cache`.

    Raises:
      UserError: the dataset has no such split, or no image.
    """

    _BLOCK = 1024  # encoded images: about 160 MB of COCO
    _MAX_ROUNDS, _MAX_BLOCKS = 3, 12  # in a row without an image that can be read

    def __init__(
        self,
        builder: tfds.core.DatasetBuilder,
        split: str,
        height: int,
        width: int,
        min_side: int,
        quick: bool = False,
        channels: int = 1,
    ) -> None:
        if split not in builder.info.splits:
            raise UserError(
                f"{builder.info.full_name} has no split {split!r}; it has "
                f"{sorted(builder.info.splits)}."
            )
        if "image" not in builder.info.features:
            raise UserError(
                f"{builder.info.full_name} has no feature 'image'; it has "
                f"{sorted(builder.info.features)}."
            )
        self.name = f"{builder.info.full_name}/{split}"
        self._num_images: int = builder.info.splits[split].num_examples
        self.count: int | None = self._num_images
        self.skipped: dict[str, str] = {}
        self._cache_key = (height, width, min_side, quick)
        self._channels = channels
        decoder = decoding.decode_quickly if quick else decoding.decode
        self._decode = indexed_source.with_position(
            lambda _, encoded: decoder(encoded, height, width, min_side, channels)
        )
        self._encoded = builder.as_dataset(
            split=split,
            decoders=tfds.decode.PartialDecoding(
                {"image": True}, decoders={"image": tfds.decode.SkipDecoding()}
            ),
            # The error of an asserted cardinality would come again and again, and be ignored.
            read_config=tfds.ReadConfig(try_autocache=False, assert_cardinality=False),
        ).map(lambda example: example["image"])

    def stream(self, seed: int, start: int = 0, shard: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """Return the endless sequence of images of a seed: see `sources.ImageSource.stream`.

        TFDS shuffles records when it prepares them. Every round shuffles them again within blocks;
        images that are left out are not decoded.
        """

        def one_round(round_number: tf.Tensor) -> tf.data.Dataset:
            def shuffle(number: tf.Tensor, block: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                # Not `Dataset.shuffle`: it takes no seed of the graph once a global one is set.
                seed_of_block = tf.stack([tf.cast(seed, tf.int64), round_number * 2**32 + number])
                first = round_number * self._num_images + number * self._BLOCK
                positions = first + tf.range(tf.size(block, tf.int64))
                shuffled = tf.random.experimental.stateless_shuffle(block, seed_of_block)
                selected = (positions >= start) & ((positions - start) % count == index)
                return positions[selected], shuffled[selected]

            return self._encoded.batch(self._BLOCK).enumerate().map(shuffle)

        def decode_block(positions: tf.Tensor, block: tf.Tensor) -> tf.data.Dataset:
            # Errors are ignored within a block only: that of a missing file would come for ever.
            numbered = tf.data.Dataset.from_tensor_slices((positions, block))
            decoded = numbered.map(self._decode, os.cpu_count()).ignore_errors()
            return decoded.concatenate(heartbeat)

        index, count = shard
        shape = [*self._cache_key[:2], self._channels]
        heartbeat = tf.data.Dataset.from_tensors(
            (tf.constant(endless_stream.HEARTBEAT, tf.int64), tf.zeros(shape, tf.uint8))
        )
        rounds = tf.data.Dataset.counter(start // self._num_images).flat_map(one_round)
        max_blocks = self._MAX_ROUNDS * -(-self._num_images // self._BLOCK)
        return endless_stream.end_without_images(
            rounds.flat_map(decode_block), self.name, min(max_blocks, self._MAX_BLOCKS)
        )

    def cache(self, cache: str) -> indexed_source.IndexedSource:
        """Decode all images once and keep them.

        Args:
          cache: "memory", or the path of a folder.

        Returns:
          A source of the same images, which names those that cannot be decoded.

        Raises:
          UserError: no image can be decoded.
        """

        def images_from(start: int) -> tf.data.Dataset:
            numbered = self._encoded.enumerate().skip(start)
            return numbered.map(self._decode, tf.data.AUTOTUNE).ignore_errors()

        images = decoded_cache.cache_dataset(
            self.name, images_from, self._num_images, cache, self._cache_key, self._channels
        )
        if not images.used:
            raise UserError(f"No usable image in {self.name}: all {self.count} are skipped.")
        return indexed_source.IndexedSource(
            self.name,
            len(images.used),
            images.get_image,
            images.skipped,
            can_fail=cache != "memory",
        )


def open_split(
    name: str,
    part: str,
    height: int,
    width: int,
    min_side: int,
    data_dir: str | None,
    cache: str,
    quick: bool,
    channels: int = 1,
) -> ImageSource:
    """Open the split of a prepared TFDS dataset that a part of the data is taken from.

    Args:
      name: of the dataset, such as "coco/2017".
      part: "train", "validation" or "all", as in `sources.open_source`.
      height: to which every image is resized, in pixels.
      width: to which every image is resized, in pixels.
      min_side: smallest side of a usable image before it is resized, in pixels.
      data_dir: where TFDS keeps its datasets; None for its default.
      cache: "memory", a folder's path, or "none".
      quick: whether to decode by `decoding.decode_quickly`.
      channels: 1 for gray images, 3 for RGB.

    Returns:
      The source.

    Raises:
      UserError: there is no such dataset, it is not prepared, or nothing in it can be used.
    """
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{name!r} is neither a folder nor a TFDS dataset: {str(error).splitlines()[0]} Give "
            "a folder of images, a TFDS name such as coco/2017, or 'synthetic', which needs no "
            "data."
        ) from None
    if not builder.is_prepared():
        size = _COCO_DOWNLOAD if name.startswith("coco") else str(builder.info.download_size)
        raise UserError(
            f"The TFDS dataset {name!r} is not prepared in {builder.data_dir}. Prepare it once "
            f"with `tfds build {name}{f' --data_dir {data_dir}' if data_dir else ''}` (download: "
            f"{size}). Two sources need no preparation: a folder of images "
            "(--dataset=path/to/images) and generated images (--dataset=synthetic)."
        )
    splits = builder.info.splits
    split = next((split for split in _SPLITS[part] if split in splits), _SPLITS[part][0])
    source = TfdsSource(builder, split, height, width, min_side, quick, channels)
    return source if cache == "none" else source.cache(cache)
