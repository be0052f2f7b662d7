"""Photos -> an endless `tf.data.Dataset` of batches of labelled pairs."""

import tensorflow as tf

from keras_homography import distortions, pairs

# Validation draws the same pairs in every run, whatever the seed of training.
VALIDATION_SEED = 1606_03798


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
    whole_pixels=False,
    distort=None,
):
    """Batches of pairs from a source of photos.

    A batch holds pairs of `batch_size` different photos, and the next `pairs_per_image - 1`
    batches hold other pairs of the same photos. Pair `i` and its photo are a pure function of the
    seed and of `i`: batch `s` is the same whether the dataset starts at step 0 or at step `s`.

    Args:
      source: of photos, from `photos.open_source`.
      seed: int, of photos and pairs.
      batch_size: pairs in a batch.
      patch_size: side of the patches, in pixels.
      rho: the most that a corner moves along x and along y, in pixels.
      height: of the photos, in pixels.
      width: of the photos, in pixels.
      start_step: number of the first batch.
      pairs_per_image: how many pairs to make of a photo once it is there.
      whole_pixels: corner offsets are integers, as in the reference protocol.
      distort: of `distortions.make`; None for clean pairs. What covers a patch is cut from the next
        photo of the source.

    Returns:
      A dataset of `(patches, h4pt)`: float32 `[batch_size, patch_size, patch_size, 2]`, grey
      levels in 0..255, and float32 `[batch_size, 4, 2]`, pixels.

    Raises:
      ValueError: the sizes do not fit together.
    """
    pairs.check_sizes(patch_size, rho, height, width)
    first_block = start_step // pairs_per_image
    photos = source.stream(seed, first_block * batch_size)
    if distort is not None:
        # Every photo and the one after it, `[2, height, width, 1]`.
        photos = photos.window(2, shift=1).flat_map(lambda both: both.batch(2))
    photos = (
        photos.batch(batch_size, drop_remainder=True)
        .flat_map(lambda block: tf.data.Dataset.from_tensors(block).repeat(pairs_per_image))
        .skip(start_step % pairs_per_image)
    )
    draws = (
        tf.data.Dataset.counter(start_step * batch_size)
        .map(
            lambda index: pairs.draw(
                seed, index, patch_size, rho, height, width, whole_pixels=whole_pixels
            ),
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        .batch(batch_size, drop_remainder=True)
    )

    def cut(block, draw):
        positions, h4pt = draw
        return pairs.cut(block, positions, h4pt, patch_size), h4pt

    def cut_and_distort(block, draw, indices):
        patches, h4pt = cut(block[:, 0], draw)
        return distortions.apply(distort, seed, indices, patches, block[:, 1]), h4pt

    if distort is None:
        batches = tf.data.Dataset.zip((photos, draws)).map(cut, tf.data.AUTOTUNE)
    else:
        indices = tf.data.Dataset.counter(start_step * batch_size).batch(batch_size)
        batches = tf.data.Dataset.zip((photos, draws, indices)).map(
            cut_and_distort, tf.data.AUTOTUNE
        )
    return batches.prefetch(tf.data.AUTOTUNE)


def validation_batches(source, count, **sizes):
    """The first `count` pairs of the reference sequence, always the same, kept in memory.

    Args:
      source: of photos, from `photos.open_source`.
      count: how many pairs.
      **sizes: `patch_size`, `rho`, `height` and `width` of `pair_batches`.

    Returns:
      A finite dataset of `(patches, h4pt)` as of `pair_batches`, offsets in whole pixels.
    """
    one_by_one = pair_batches(
        source, seed=VALIDATION_SEED, batch_size=1, whole_pixels=True, **sizes
    ).unbatch()
    counted = one_by_one.take(count).apply(tf.data.experimental.assert_cardinality(count))
    return counted.batch(64).cache().prefetch(tf.data.AUTOTUNE)
