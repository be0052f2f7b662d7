"""Homographies in units of half a patch about its center.

In these units a homography is the same whatever the size of the patch, and its elements are about
1, which keeps systems of equations well conditioned.
"""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

# No camera sees a patch from where the last element of a step's matrix is below this.
_MIN_LAST_ELEMENT = 0.2


def normalization(patch_size: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the matrices between pixels and units of half a patch about its center.

    The pixel at `x` is at `(x + 0.5) / half - 1`, where `half` is half the patch size.

    Args:
      patch_size: side of the patch, in pixels.

    Returns:
      `(units_from_pixels, pixels_from_units)`, float32 NumPy `[3, 3]` each.
    """
    half = patch_size / 2.0
    units_from_pixels = np.array(
        [[1 / half, 0, 0.5 / half - 1], [0, 1 / half, 0.5 / half - 1], [0, 0, 1]], np.float32
    )
    pixels_from_units = np.array(
        [[half, 0, half - 0.5], [0, half, half - 0.5], [0, 0, 1]], np.float32
    )
    return units_from_pixels, pixels_from_units


def move(a_from_b: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """Multiply homographies by the identity plus a step: a Gauss-Newton update in B.

    Args:
      a_from_b: float32 `[n, 3, 3]`, in normalized units.
      step: float32 `[n, 8, 1]`, elements row by row, without the last.

    Returns:
      float32 `[n, 3, 3]`, last element 1, or less where it was below 0.2 before the division.
    """
    step = tf.pad(step, [[0, 0], [0, 1], [0, 0]])
    moved = tf.matmul(a_from_b, tf.reshape(step, [-1, 3, 3]) + np.eye(3, dtype=np.float32))
    return moved / tf.maximum(tf.slice(moved, [0, 2, 2], [-1, 1, 1]), _MIN_LAST_ELEMENT)
