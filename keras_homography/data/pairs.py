"""Labeled pairs of patches from single images, in the graph (DeTone et al. 2016, section 3).

Four steps: crop patch A at a random place; move its corners at random by up to rho; compute the
homography of the moved corners; crop patch B at the same place from the image warped by the
inverse.

Sampling (`sample_pair`) is a pure function of a seed and the number of the pair, and separate from
what is computed from it (`extract_patches`), so a pair is the same whatever the batch size, the
order or the number of threads.
"""

import functools
from collections.abc import Callable

import tensorflow as tf

from keras_homography import geometry
from keras_homography.data.pair_spec import PairSpec
from keras_homography.geometry import warping


def _uniform_float(seed: tf.Tensor, shape: list[int], limit: float) -> tf.Tensor:
    """Draw real numbers in [-limit, limit), float32.

    Bit-identical with and without XLA: made of integer bits, because only those are reproducible,
    and only for a named algorithm.
    """
    bits = tf.random.stateless_uniform(shape, seed, None, None, tf.uint32, alg="philox")
    share = tf.cast(tf.bitwise.right_shift(bits, 8), tf.float32) / 2**24
    return limit * (2.0 * share - 1.0)


def _uniform_integer(seed: tf.Tensor, shape: list[int], low: int, end: int) -> tf.Tensor:
    """Draw integers in [low, end), int32."""
    return tf.random.stateless_uniform(shape, seed, low, end, tf.int32, alg="philox")


def sample_offsets(seed: tf.Tensor, spec: PairSpec) -> tf.Tensor:
    """Draw the corner offsets of one pair.

    Args:
      seed: int64 `[2]`.
      spec: patch size and range.

    Returns:
      `h4pt`, float32 `[4, 2]`, in [-rho, rho], pixels. The few quads that are not convex (possible
      from rho = patch_size / 4 on) are halved, which makes them so.
    """
    if spec.integer_offsets:
        h4pt = tf.cast(_uniform_integer(seed, [4, 2], -spec.rho, spec.rho + 1), tf.float32)
    else:
        h4pt = _uniform_float(seed, [4, 2], float(spec.rho))
    convex = geometry.is_convex(geometry.corners(spec.patch_size) + h4pt)
    return tf.where(convex, h4pt, h4pt / 2.0)


def sample_pair(seed: int, index: int | tf.Tensor, spec: PairSpec) -> tuple[tf.Tensor, tf.Tensor]:
    """Draw the position and the corner offsets of one pair.

    Args:
      seed: int64 scalar, of the whole sequence.
      index: int64 scalar, the number of the pair in it.
      spec: sizes and range.

    Returns:
      `(position, h4pt)`: int32 `[2]`, the top-left corner `(x, y)` of the patches in the image, at
      least rho from every edge; float32 `[4, 2]`, from `sample_offsets`.
    """
    seed_of_pair = tf.stack([tf.cast(seed, tf.int64), tf.cast(index, tf.int64)])
    seeds = tf.random.split(seed_of_pair, 3, alg="philox")
    position = tf.stack(
        [
            _uniform_integer(seeds[axis], [], spec.rho, size - spec.patch_size - spec.rho + 1)
            for axis, size in enumerate((spec.image_width, spec.image_height))
        ]
    )
    return position, sample_offsets(seeds[2], spec)


def extract_patches(
    images: tf.Tensor, positions: tf.Tensor, h4pt: tf.Tensor, patch_size: int
) -> tf.Tensor:
    """Cut patch A and the warped patch B out of every image.

    `keras.ops.image.perspective_transform` gives the same B within rounding, but it computes the
    whole image, of which B is a crop: 4.7 times as many pixels at the default sizes.

    Args:
      images: uint8 or float32 `[n, height, width, 1]`, integer gray levels in 0..255.
      positions: int32 `[n, 2]`, from `sample_pair`.
      h4pt: float32 `[n, 4, 2]`, from `sample_pair`.
      patch_size: side of the patches, in pixels.

    Returns:
      Float32 `[n, patch_size, patch_size, 2]`, integer gray levels in 0..255 as a camera stores
      them; channel 0 is patch A, channel 1 patch B.
    """
    columns, rows = (positions[:, axis : axis + 1] + tf.range(patch_size) for axis in (0, 1))
    patch_a = tf.gather(images, rows, axis=1, batch_dims=1)
    patch_a = tf.gather(patch_a, columns, axis=2, batch_dims=1)
    image_from_a = geometry.translation(tf.cast(positions, tf.float32))
    image_from_b = geometry.compose(image_from_a, geometry.matrix_from_h4pt(h4pt, patch_size))
    patch_b = tf.round(warping.warp_fast(images, image_from_b, patch_size, patch_size))
    patches = tf.concat([tf.cast(patch_a, tf.float32), patch_b], axis=-1)
    return tf.ensure_shape(patches, [None, patch_size, patch_size, 2])


@functools.cache
def make_pair_fn(
    seed: int, spec: PairSpec
) -> Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return the function that makes one pair of every image of a batch, compiled by XLA.

    It gives the same on the host, in `tf.data`, and on an accelerator, in the step of training.

    Args:
      seed: of the whole sequence of pairs.
      spec: sizes and range.

    Returns:
      A function of images, uint8 `[n, height, width, 1]` of the sizes in `spec`, and the numbers
      of their pairs, int64 `[n]`. It returns `(patches, h4pt)`: float32
      `[n, patch_size, patch_size, 2]` as from `extract_patches`; float32 `[n, 4, 2]`, pixels.
    """
    compiled = _compiled(spec)

    @tf.autograph.experimental.do_not_convert
    def make_pairs(images: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return compiled(tf.constant(seed, tf.int64), images, indices)

    return make_pairs


@functools.cache  # XLA takes seconds for every new function, so the seed is an argument
def _compiled(
    spec: PairSpec,
) -> Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Return the function of a seed, images and indices behind `make_pair_fn`."""

    @tf.function(jit_compile=True, autograph=False)
    def make_pairs(
        seed: tf.Tensor, images: tf.Tensor, indices: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        if tuple(images.shape[1:3]) != (spec.image_height, spec.image_width):
            raise ValueError(
                f"The images are {images.shape[2]}x{images.shape[1]}, and the pairs are specified "
                f"for {spec.image_width}x{spec.image_height}."
            )
        positions, h4pt = tf.map_fn(
            lambda index: sample_pair(seed, index, spec),
            indices,
            fn_output_signature=(
                tf.TensorSpec([2], tf.int32),
                tf.TensorSpec([4, 2], tf.float32),
            ),
        )
        return extract_patches(images, positions, h4pt, spec.patch_size), h4pt

    return make_pairs
