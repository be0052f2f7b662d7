"""Centers of feature cells, and homographies applied to them."""

import numpy as np
import tensorflow as tf

from keras_homography.layers import tflite_ops


def units_of_cells(cells, margin=0):
    """The cells' centers in units of half a patch: numpy float32 `[3, (cells + 2 margin)²]`, rows
    of x, y and 1."""
    line = (np.arange(-margin, cells + margin) + 0.5) * 2.0 / cells - 1.0
    x, y = (part.ravel() for part in np.meshgrid(line, line))
    return np.stack([x, y, np.ones_like(x)]).astype(np.float32)


def transform_cells(a_from_b, points):
    """Points `[3, m]` or `[n, 3, m]` through `[n, 3, 3]`: rows of u and v, each `[n, 1, m]`."""
    u, v, depth = tflite_ops.split(tf.matmul(a_from_b, points + tf.zeros_like(a_from_b[:, :, :1])))
    depth = tf.maximum(depth, 0.05)  # behind the camera nothing is seen
    return u / depth, v / depth
