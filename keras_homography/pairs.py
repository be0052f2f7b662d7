"""One photo -> one labelled pair, in the graph: the four steps of DeTone et al. 2016, section 3.

Patch A is cropped at a random place; its corners move at random by up to rho; the homography of
the moved corners is computed; patch B is cropped at the same place from the photo warped by the
inverse. What is random (`draw`) is a pure function of a seed and the number of the pair, and apart
from what is computed (`cut`), so a pair is the same whatever the batch size, the order or the
number of threads.
"""

import tensorflow as tf

from keras_homography import geometry, warping


def check_sizes(patch_size, rho, height, width):
    """Raises `ValueError` unless patches with these corner offsets fit into such photos."""
    if patch_size < 8:
        raise ValueError(f"patch_size must be at least 8 pixels; got {patch_size}.")
    if not 0 < rho < patch_size / 2:
        raise ValueError(
            f"rho must be above 0 and below half the patch, or corners can meet: below "
            f"{patch_size / 2:g} for patch_size={patch_size}; got {rho}."
        )
    least = patch_size + 2 * rho
    if min(height, width) < least:
        raise ValueError(
            f"Photos of {width}x{height} are too small: a patch of {patch_size} with rho={rho} "
            f"on every side needs at least {least}x{least}. Use larger photos, a smaller patch "
            "or a smaller rho."
        )


def draw(seed, index, patch_size, rho, height, width, whole_pixels=False):
    """What is random about one pair.

    Args:
      seed: int64 scalar, of the whole sequence.
      index: int64 scalar, the number of the pair in it.
      patch_size: side of the patches, in pixels.
      rho: the most that a corner moves along x and along y, in pixels.
      height: of the photo, in pixels.
      width: of the photo, in pixels.
      whole_pixels: offsets are integers, as in the reference protocol, or any real numbers.

    Returns:
      `(position, h4pt)`: int32 `[2]`, the top-left corner `(x, y)` of the patches in the photo, at
      least rho from every edge; float32 `[4, 2]`, offsets in [-rho, rho]. The few quads that are
      not convex (possible from rho = patch_size / 4 on) are halved, which makes them so.
    """
    seeds = tf.random.split(tf.stack([tf.cast(seed, tf.int64), tf.cast(index, tf.int64)]), 3)
    position = tf.stack(
        [
            tf.random.stateless_uniform(
                [], seeds[axis], minval=rho, maxval=size - patch_size - rho + 1, dtype=tf.int32
            )
            for axis, size in enumerate((width, height))
        ]
    )
    if whole_pixels:
        offsets = tf.random.stateless_uniform(
            [4, 2], seeds[2], minval=-rho, maxval=rho + 1, dtype=tf.int32
        )
        h4pt = tf.cast(offsets, tf.float32)
    else:
        h4pt = tf.random.stateless_uniform([4, 2], seeds[2], -float(rho), float(rho))
    convex = geometry.is_convex(geometry.corners(patch_size) + h4pt)
    return position, tf.where(convex, h4pt, h4pt / 2.0)


def cut(photos, positions, h4pt, patch_size):
    """Cuts the two patches of every pair.

    Args:
      photos: uint8 or float32 `[n, height, width, 1]`, grey levels in 0..255.
      positions: int32 `[n, 2]`, from `draw`.
      h4pt: float32 `[n, 4, 2]`, from `draw`.
      patch_size: side of the patches, in pixels.

    Returns:
      float32 `[n, patch_size, patch_size, 2]`, whole grey levels in 0..255 as a camera stores
      them; channel 0 is patch A, channel 1 patch B.
    """
    photo_from_a = geometry.translation(tf.cast(positions, tf.float32))
    photo_from_b = geometry.compose(photo_from_a, geometry.matrix_from_h4pt(h4pt, patch_size))
    photos = tf.cast(photos, tf.float32)
    patches = [
        warping.warp_fast(photos, matrix, patch_size, patch_size)
        for matrix in (photo_from_a, photo_from_b)
    ]
    return tf.ensure_shape(tf.round(tf.concat(patches, axis=-1)), [None, patch_size, patch_size, 2])
