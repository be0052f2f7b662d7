"""Labeled pairs as a `tf.data.Dataset` for Keras's `fit`, from a source by its name."""

import tensorflow as tf

from keras_homography.data import batching, distortion_names, distortions, sources
from keras_homography.data.pair_spec import PairSpec
from keras_homography.utils.errors import UserError


def pair_dataset(
    source: str,
    spec: PairSpec | None = None,
    seed: int = 0,
    *,
    batch_size: int = 32,
    pairs: int | None = None,
    part: str = "all",
    distortion: str = "none",
    pairs_per_image: int = 8,
    data_dir: str | None = None,
) -> tf.data.Dataset:
    """Return batches of labeled pairs.

        dataset = keras_homography.data.pair_dataset("synthetic", seed=1)
        held_out = keras_homography.data.pair_dataset("synthetic", seed=2, pairs=256)
        model.fit(dataset, steps_per_epoch=500, validation_data=held_out)

    Args:
      source: "synthetic", a folder of images, or the name of a prepared TFDS dataset.
      spec: sizes and range of the pairs; None for patches of 128 pixels, corners moved by up to 32.
      seed: of images, pairs and distortions: the same seed, the same pairs.
      batch_size: pairs in a batch.
      pairs: how many there are; None for pairs without end: give `fit` `steps_per_epoch`.
      part: of the source, "train" and "validation" share no image; "all" for both.
      distortion: of the patches, one of `distortion_names.NAMES`; "none" for clean pairs.
      pairs_per_image: how many pairs are made of an image once it is decoded.
      data_dir: where TFDS keeps its datasets; None for its default.

    Returns:
      A dataset of `(patches, h4pt)`: float32 `[n, patch_size, patch_size, 2]`, gray levels in
      0..255, channel 0 patch A and channel 1 patch B; float32 `[n, 4, 2]`, pixels.

    Raises:
      UserError: there is no such source, or a value is out of its range.
    """
    if batch_size < 1 or (pairs is not None and pairs < 1):
        raise UserError(f"batch_size and pairs must be at least 1; got {batch_size} and {pairs}.")
    if distortion not in ("none", *distortion_names.NAMES):
        names = ", ".join(("none", *distortion_names.NAMES))
        raise UserError(f"There is no distortion {distortion!r}; there are {names}.")
    spec = spec or PairSpec()
    opened = sources.open_source(
        source,
        part,
        height=spec.image_height,
        width=spec.image_width,
        min_side=spec.patch_size,
        data_dir=data_dir,
        quick=True,
    )
    batches = batching.pair_batches(
        opened,
        spec,
        seed=seed,
        batch_size=batch_size,
        pairs_per_image=pairs_per_image,
        distort=None if distortion == "none" else distortions.get_distortion(distortion),
    )
    if pairs is None:
        return batches
    counted = batches.unbatch().take(pairs).batch(batch_size)
    count = -(-pairs // batch_size)
    return counted.apply(tf.data.experimental.assert_cardinality(count)).prefetch(tf.data.AUTOTUNE)
