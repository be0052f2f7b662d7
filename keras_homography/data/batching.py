"""Batches of labeled pairs from a source of images, as endless `tf.data.Dataset`s."""

import dataclasses

import tensorflow as tf

from keras_homography.data import distortions, pairs
from keras_homography.data.pair_spec import PairSpec
from keras_homography.data.sources import ImageSource

# Validation draws the same pairs in every run, whatever the seed of training. It chooses the best
# checkpoint, so these are never the pairs that results are measured on (`protocol_pairs.SEED`).
VALIDATION_SEED = 2016_06_13


def image_batches(
    source: ImageSource,
    *,
    seed: int,
    batch_size: int,
    start_step: int = 0,
    pairs_per_image: int = 1,
    shard: tuple[int, int] = (0, 1),
    with_next: bool = False,
) -> tf.data.Dataset:
    """Return batches of images and the numbers of the pairs to make of them.

    Args:
      source: of images, from `sources.open_source`.
      seed: of the order of the images.
      batch_size: pairs in a batch, over all workers.
      start_step: number of the first batch.
      pairs_per_image: in how many consecutive batches an image takes part.
      shard: `(index, count)`: which of how many workers this is; count divides batch_size.
      with_next: whether every image comes together with the image after it in the source.

    Returns:
      A dataset of `(images, indices)`: uint8 `[n, height, width, channels]`, or `[n, 2, height,
      width, channels]` with the next; int64 `[n]`; n is batch_size over the number of workers.
    """
    first_block = start_step // pairs_per_image
    images = source.stream(seed, first_block * batch_size, shard)
    if with_next:
        images = images.window(2, shift=1).flat_map(
            lambda positions, both: tf.data.Dataset.zip(
                (positions.batch(2, drop_remainder=True), both.batch(2, drop_remainder=True))
            )
        )
        images = images.map(lambda positions, both: (positions[0], both))

    def repeat(positions: tf.Tensor, block: tf.Tensor) -> tf.data.Dataset:
        first = positions // batch_size * (pairs_per_image * batch_size) + positions % batch_size
        return tf.data.Dataset.range(pairs_per_image).map(
            lambda repetition: (block, first + repetition * batch_size)
        )

    blocks = images.batch(batch_size // shard[1], drop_remainder=True)
    return blocks.flat_map(repeat).skip(start_step % pairs_per_image)


def pair_batches(
    source: ImageSource,
    spec: PairSpec,
    *,
    seed: int,
    batch_size: int,
    start_step: int = 0,
    pairs_per_image: int = 1,
    distort: distortions.Distortion | None = None,
    shard: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Return batches of labeled pairs.

    A batch holds pairs of `batch_size` different images, and the next `pairs_per_image - 1`
    batches hold other pairs of the same images. Pair `i` and its image are a pure function of the
    seed and of `i`: batch `s` is the same whether the dataset starts at step 0 or at step `s`, and
    the parts of several workers are together what one worker would have.

    Args:
      source: of images of the sizes in `spec`, from `sources.open_source`.
      spec: sizes and range of the pairs.
      seed: of the order of the images, of pairs and of distortions.
      batch_size: pairs in a batch, over all workers.
      start_step: number of the first batch.
      pairs_per_image: how many pairs to make of an image once it is decoded.
      distort: from `distortions.get_distortion`; None for clean pairs. What occludes a patch is
        cut from the next image of the source (of this worker's part of it).
      shard: `(index, count)`: which of how many workers this is; count divides batch_size.

    Returns:
      A dataset of `(patches, h4pt)`: float32 `[n, patch_size, patch_size, 2]`, gray levels in
      0..255, and float32 `[n, 4, 2]`, pixels; n is batch_size over the number of workers.
    """
    batches = image_batches(
        source,
        seed=seed,
        batch_size=batch_size,
        start_step=start_step,
        pairs_per_image=pairs_per_image,
        shard=shard,
        with_next=distort is not None,
    )
    make_pairs = pairs.make_pair_fn(seed, spec)
    if distort is None:
        return batches.map(make_pairs, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)

    @tf.autograph.experimental.do_not_convert
    def make_and_distort(
        images_and_next: tf.Tensor, indices: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        patches, h4pt = make_pairs(images_and_next[:, 0], indices)
        return distortions.apply(distort, seed, indices, patches, images_and_next[:, 1]), h4pt

    return batches.map(make_and_distort, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def validation_batches(source: ImageSource, count: int, spec: PairSpec) -> tf.data.Dataset:
    """Return the first `count` pairs of the validation sequence, kept in memory.

    They are the same in every run: integer corner offsets, whatever `spec` says, and
    `VALIDATION_SEED`.

    Args:
      source: of images of the sizes in `spec`, from `sources.open_source`.
      count: how many pairs.
      spec: sizes and range of the pairs.

    Returns:
      A finite dataset of `(patches, h4pt)` as from `pair_batches`.
    """
    spec = dataclasses.replace(spec, integer_offsets=True)
    one_by_one = pair_batches(source, spec, seed=VALIDATION_SEED, batch_size=1).unbatch()
    counted = one_by_one.take(count).apply(tf.data.experimental.assert_cardinality(count))
    return counted.batch(64).cache().prefetch(tf.data.AUTOTUNE)
