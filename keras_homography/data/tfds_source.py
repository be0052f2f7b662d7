"""Photos of a TFDS dataset."""

import tensorflow as tf
import tensorflow_datasets as tfds

from keras_homography.data import decoded_cache, decoding, indexed_source
from keras_homography.utils.errors import UserError

_SPLITS = {
    "train": ["train"],
    "validation": ["validation", "test", "train"],
    "all": ["validation", "test", "train"],
}
# TFDS knows a download's size only once it is prepared; its catalogue says this of COCO 2017.
_COCO_DOWNLOAD = "25.20 GiB"


class TfdsSource:
    """One split of a TFDS dataset that has an `image`, decoded by us as gray every time."""

    _BLOCK = 1024  # encoded photos: about 160 MB of COCO

    def __init__(self, builder, split, height, width, min_side, quick=False):
        """Args: `builder`, prepared; `split`, a name; the size to which photos are stretched;
        `min_side` and `quick`, see `sources.open_source`.

        Raises:
          ValueError: the dataset has no such split, or no image.
        """
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
        self.count = builder.info.splits[split].num_examples
        decoder = decoding.decode_quickly if quick else decoding.decode
        self._decode = indexed_source.keep_position(
            lambda _, encoded: decoder(encoded, height, width, min_side)
        )
        self._encoded = builder.as_dataset(
            split=split,
            decoders=tfds.decode.PartialDecoding(
                {"image": True}, decoders={"image": tfds.decode.SkipDecoding()}
            ),
            read_config=tfds.ReadConfig(try_autocache=False),
        ).map(lambda example: example["image"])

    def stream(self, seed, start=0, shard=(0, 1)):
        """See `photos`. TFDS shuffles records when it prepares them; every round shuffles them
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
            .map(self._decode, tf.data.AUTOTUNE)
            .ignore_errors()
        )

    def keep(self, cache, key):
        """All of the photos, decoded once: see `decoded_cache.cache_dataset`.

        Raises:
          ValueError: none can be used.
        """

        def photos(start):
            numbered = self._encoded.enumerate().skip(start)
            return numbered.map(self._decode, tf.data.AUTOTUNE).ignore_errors()

        used, skipped, get = decoded_cache.cache_dataset(self.name, photos, self.count, cache, key)
        if not used:
            raise UserError(f"No usable photo in {self.name}: all {self.count} are skipped.")
        return indexed_source.IndexedSource(self.name, len(used), get, skipped)


def open_split(name, part, height, width, min_side, data_dir, cache, quick):
    """A split of a prepared TFDS dataset; see `sources.open_source`.

    Raises:
      ValueError: there is no such dataset, it is not prepared, or nothing in it can be used.
    """
    try:
        builder = tfds.builder(name, data_dir=data_dir)
    except (ValueError, TypeError) as error:
        raise UserError(
            f"{name!r} is neither a folder nor a TFDS dataset: {str(error).splitlines()[0]} Give "
            "a folder of photos, a TFDS name such as coco/2017, or 'synthetic', which needs no "
            "data."
        ) from None
    if not builder.is_prepared():
        size = _COCO_DOWNLOAD if name.startswith("coco") else str(builder.info.download_size)
        raise UserError(
            f"The TFDS dataset {name!r} is not prepared in {builder.data_dir}. Prepare it once "
            f"with `tfds build {name}{f' --data_dir {data_dir}' if data_dir else ''}` (download: "
            f"{size}). Two sources need no preparation: a folder of photos "
            "(--dataset=path/to/photos) and generated images (--dataset=synthetic)."
        )
    splits = builder.info.splits
    split = next((split for split in _SPLITS[part] if split in splits), _SPLITS[part][0])
    source = TfdsSource(builder, split, height, width, min_side, quick)
    return source if cache == "none" else source.keep(cache, (height, width, min_side, quick))
