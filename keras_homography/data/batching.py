"""Photos -> an endless `tf.data.Dataset` of batches of labeled pairs."""

import tensorflow as tf

from keras_homography.data import distortions, pairs

# Validation draws the same pairs in every run, whatever the seed of training.
VALIDATION_SEED = 1606_03798


def image_batches(
    source, *, seed, batch_size, start_step=0, pairs_per_image=1, shard=(0, 1), with_next=False
):
    """Batches of photos and the numbers of the pairs to make of them.

    Args:
      source: of photos, from `sources.open_source`.
      seed: int, of the photos' order.
      batch_size: pairs in a batch, over all workers.
      start_step: number of the first batch.
      pairs_per_image: in how many batches, one after the other, a photo takes part.
      shard: `(index, count)`: of which worker this is the part.
      with_next: give also the photo that follows each in the source.

    Returns:
      A dataset of `(photos, indices)`: uint8 `[n, height, width, 1]`, or `[n, 2, height, width, 1]`
      with the next; int64 `[n]`; n is batch_size over the number of workers.
    """
    first_block = start_step // pairs_per_image
    photos = source.stream(seed, first_block * batch_size, shard)
    if with_next:
        photos = photos.window(2, shift=1).flat_map(
            lambda positions, both: tf.data.Dataset.zip(
                (positions.batch(2, drop_remainder=True), both.batch(2, drop_remainder=True))
            )
        )
        photos = photos.map(lambda positions, both: (positions[0], both))

    def repeat(positions, block):
        first = positions // batch_size * (pairs_per_image * batch_size) + positions % batch_size
        return tf.data.Dataset.range(pairs_per_image).map(
            lambda repetition: (block, first + repetition * batch_size)
        )

    blocks = photos.batch(batch_size // shard[1], drop_remainder=True)
    return blocks.flat_map(repeat).skip(start_step % pairs_per_image)


def pair_batches(
    source,
    *,
    seed,
    batch_size,
    patch_size,
    rho,
    height,
    width,
    start_step=0,
    pairs_per_image=1,
    integer_offsets=False,
    distort=None,
    shard=(0, 1),
):
    """Batches of pairs from a source of photos.

    A batch holds pairs of `batch_size` different photos, and the next `pairs_per_image - 1`
    batches hold other pairs of the same photos. Pair `i` and its photo are a pure function of the
    seed and of `i`: batch `s` is the same whether the dataset starts at step 0 or at step `s`, and
    the parts of several workers are together what one would have.

    Args:
      source: of photos, from `sources.open_source`.
      seed: int, of photos and pairs.
      batch_size: pairs in a batch, over all workers.
      patch_size: side of the patches, in pixels.
      rho: the most that a corner moves along x and along y, in pixels.
      height: of the photos, in pixels.
      width: of the photos, in pixels.
      start_step: number of the first batch.
      pairs_per_image: how many pairs to make of a photo once it is there.
      integer_offsets: corner offsets are integers, as in the reference protocol.
      distort: of `distortions.get_distortion`; None for clean pairs. What occludes a patch is cut
        from the next image of the source (of this worker's part of it).
      shard: `(index, count)`: of which worker this is the part; count divides batch_size.

    Returns:
      A dataset of `(patches, h4pt)`: float32 `[n, patch_size, patch_size, 2]`, gray levels in
      0..255, and float32 `[n, 4, 2]`, pixels; n is batch_size over the number of workers.

    Raises:
      ValueError: the sizes do not fit together.
    """
    pairs.check_sizes(patch_size, rho, height, width)
    photos = image_batches(
        source,
        seed=seed,
        batch_size=batch_size,
        start_step=start_step,
        pairs_per_image=pairs_per_image,
        shard=shard,
        with_next=distort is not None,
    )
    make = pairs.make_pair_fn(seed, patch_size, rho, integer_offsets)

    @tf.autograph.experimental.do_not_convert
    def make_and_distort(block, indices):
        patches, h4pt = make(block[:, 0], indices)
        return distortions.apply(distort, seed, indices, patches, block[:, 1]), h4pt

    batches = photos.map(make if distort is None else make_and_distort, tf.data.AUTOTUNE)
    return batches.prefetch(tf.data.AUTOTUNE)


def validation_batches(source, count, **sizes):
    """The first `count` pairs of the reference sequence, always the same, kept in memory.

    Args:
      source: of photos, from `sources.open_source`.
      count: how many pairs.
      **sizes: `patch_size`, `rho`, `height` and `width` of `pair_batches`.

    Returns:
      A finite dataset of `(patches, h4pt)` as of `pair_batches`, offsets in whole pixels.
    """
    one_by_one = pair_batches(
        source, seed=VALIDATION_SEED, batch_size=1, integer_offsets=True, **sizes
    ).unbatch()
    counted = one_by_one.take(count).apply(tf.data.experimental.assert_cardinality(count))
    return counted.batch(64).cache().prefetch(tf.data.AUTOTUNE)
