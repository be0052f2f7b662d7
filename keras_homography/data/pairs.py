"""One photo -> one labeled pair, in the graph: the four steps of DeTone et al. 2016, section 3.

Patch A is cropped at a random place; its corners move at random by up to rho; the homography of
the moved corners is computed; patch B is cropped at the same place from the photo warped by the
inverse. What is random (`draw`) is a pure function of a seed and the number of the pair, and apart
from what is computed (`cut`), so a pair is the same whatever the batch size, the order or the
number of threads.
"""

import functools

import tensorflow as tf

from keras_homography import geometry
from keras_homography.geometry import warping
from keras_homography.utils.errors import UserError


def check_sizes(patch_size, rho, height, width):
    """Raises `ValueError` unless patches with these corner offsets fit into such photos."""
    if patch_size < 8:
        raise UserError(f"patch_size must be at least 8 pixels; got {patch_size}.")
    if not 0 < rho < patch_size / 2:
        raise UserError(
            f"rho must be above 0 and below half the patch, or corners can meet: below "
            f"{patch_size / 2:g} for patch_size={patch_size}; got {rho}."
        )
    least = patch_size + 2 * rho
    if min(height, width) < least:
        raise UserError(
            f"Photos of {width}x{height} are too small: a patch of {patch_size} with rho={rho} "
            f"on every side needs at least {least}x{least}. Use larger photos, a smaller patch "
            "or a smaller rho."
        )


def _uniform(seed, shape, limit):
    """Real numbers in [-limit, limit), the same with XLA and without: only whole random numbers
    are, and of those only when the algorithm is named."""
    bits = tf.random.stateless_uniform(shape, seed, None, None, tf.uint32, alg="philox")
    share = tf.cast(tf.bitwise.right_shift(bits, 8), tf.float32) / 2**24
    return limit * (2.0 * share - 1.0)


def sample_pair(seed, index, patch_size, rho, height, width, integer_offsets=False):
    """What is random about one pair.

    Args:
      seed: int64 scalar, of the whole sequence.
      index: int64 scalar, the number of the pair in it.
      patch_size: side of the patches, in pixels.
      rho: the most that a corner moves along x and along y, in pixels.
      height: of the photo, in pixels.
      width: of the photo, in pixels.
      integer_offsets: offsets are integers, as in the reference protocol, or any real numbers.

    Returns:
      `(position, h4pt)`: int32 `[2]`, the top-left corner `(x, y)` of the patches in the photo, at
      least rho from every edge; float32 `[4, 2]`, offsets in [-rho, rho]. The few quads that are
      not convex (possible from rho = patch_size / 4 on) are halved, which makes them so.
    """
    seed_of_pair = tf.stack([tf.cast(seed, tf.int64), tf.cast(index, tf.int64)])
    seeds = tf.random.split(seed_of_pair, 3, alg="philox")

    def whole(shape, seed, low, end):
        return tf.random.stateless_uniform(shape, seed, low, end, tf.int32, alg="philox")

    position = tf.stack(
        [
            whole([], seeds[axis], rho, size - patch_size - rho + 1)
            for axis, size in enumerate((width, height))
        ]
    )
    if integer_offsets:
        h4pt = tf.cast(whole([4, 2], seeds[2], -rho, rho + 1), tf.float32)
    else:
        h4pt = _uniform(seeds[2], [4, 2], float(rho))
    convex = geometry.is_convex(geometry.corners(patch_size) + h4pt)
    return position, tf.where(convex, h4pt, h4pt / 2.0)


def extract_patches(photos, positions, h4pt, patch_size):
    """Cuts the two patches of every pair.

    Args:
      photos: uint8 or float32 `[n, height, width, 1]`, whole gray levels in 0..255.
      positions: int32 `[n, 2]`, from `draw`.
      h4pt: float32 `[n, 4, 2]`, from `draw`.
      patch_size: side of the patches, in pixels.

    Returns:
      float32 `[n, patch_size, patch_size, 2]`, whole gray levels in 0..255 as a camera stores
      them; channel 0 is patch A, channel 1 patch B.
    """
    columns, rows = (positions[:, axis : axis + 1] + tf.range(patch_size) for axis in (0, 1))
    patch_a = tf.gather(photos, rows, axis=1, batch_dims=1)
    patch_a = tf.gather(patch_a, columns, axis=2, batch_dims=1)
    photo_from_a = geometry.translation(tf.cast(positions, tf.float32))
    photo_from_b = geometry.compose(photo_from_a, geometry.matrix_from_h4pt(h4pt, patch_size))
    patch_b = tf.round(warping.warp_fast(photos, photo_from_b, patch_size, patch_size))
    patches = tf.concat([tf.cast(patch_a, tf.float32), patch_b], axis=-1)
    return tf.ensure_shape(patches, [None, patch_size, patch_size, 2])


@functools.cache  # XLA would compile every new function anew
def make_pair_fn(seed, patch_size, rho, integer_offsets=False):
    """The function that makes a pair of every photo of a batch, compiled by XLA.

    The same on the host, in `tf.data`, and on an accelerator, in the step of training.

    Args:
      seed: int, of the whole sequence.
      patch_size: side of the patches, in pixels.
      rho: the most that a corner moves along x and along y, in pixels.
      integer_offsets: see `draw`.

    Returns:
      A function of photos, uint8 `[n, height, width, 1]` of fixed sizes, and the numbers of their
      pairs, int64 `[n]`, that returns what `cut` does, and h4pt.
    """

    @tf.function(jit_compile=True, autograph=False)
    def make(photos, indices):
        height, width = photos.shape[1:3]
        positions, h4pt = tf.map_fn(
            lambda index: sample_pair(seed, index, patch_size, rho, height, width, integer_offsets),
            indices,
            fn_output_signature=(
                tf.TensorSpec([2], tf.int32),
                tf.TensorSpec([4, 2], tf.float32),
            ),
        )
        return extract_patches(photos, positions, h4pt, patch_size), h4pt

    return make
