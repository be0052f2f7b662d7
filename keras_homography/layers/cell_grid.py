"""Centers of feature cells, and homographies applied to them."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_homography.layers import split_and_concat

_NEAREST_DEPTH = 0.05  # of a point in front of the camera, in units


def units_of_cells(cells: int, margin: int = 0) -> npt.NDArray[np.float32]:
    """Compute the centers of the cells of a patch, in units of half a patch about its center.

    Args:
      cells: a side.
      margin: further cells around, on every side.

    Returns:
      `[3, (cells + 2 margin)²]`, rows of x, y and 1.
    """
    line = (np.arange(-margin, cells + margin) + 0.5) * 2.0 / cells - 1.0
    x, y = (part.ravel() for part in np.meshgrid(line, line))
    return np.stack([x, y, np.ones_like(x)]).astype(np.float32)


def transform_cells(a_from_b: tf.Tensor, points: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Map homogeneous points through homographies.

    Args:
      a_from_b: float32 `[n, 3, 3]`, in units of half a patch.
      points: float32 `[3, m]` or `[n, 3, m]`, rows of x, y and 1; a depth at or behind the camera
        counts as one close in front of it.

    Returns:
      `(u, v)`, float32 `[n, 1, m]` each.
    """
    u, v, depth = split_and_concat.split(
        tf.matmul(a_from_b, points + tf.zeros_like(a_from_b[:, :, :1]))
    )
    depth = tf.maximum(depth, _NEAREST_DEPTH)
    return u / depth, v / depth
