"""What training minimises. Every loss maps `h4pt` `[n, 4, 2]`, true and predicted, to `[n]`."""

import tensorflow as tf

from keras_homography import geometry, matching

NAMES = ("corner", "l2", "huber")


def corner_distance(h4pt_true, h4pt):
    """The mean distance of the four corners, float32 `[n]`, pixels: what people read.

    Differentiable everywhere: at distance 0 the gradient is 0.
    """
    squared = tf.reduce_sum(tf.square(h4pt - h4pt_true), axis=-1)
    zero = squared == 0.0  # not `squared > 0`, which would hide NaN
    distance = tf.where(zero, 0.0, tf.sqrt(tf.where(zero, 1.0, squared)))
    return tf.reduce_mean(distance, axis=-1)


def make(name, rho):
    """A loss by its name.

    Args:
      name: "corner": mean corner distance, pixels. "l2": the paper's Euclidean loss, half the sum
        of the squared offset errors (section 4), here in units of rho, for which the paper's
        learning rate is stable. "huber": mean per coordinate, quadratic up to one pixel.
      rho: the largest corner offset, in pixels.

    Returns:
      A function `(h4pt_true, h4pt) -> [n]`.

    Raises:
      ValueError: there is no such loss.
    """

    def l2(h4pt_true, h4pt):
        return 0.5 * tf.reduce_sum(tf.square((h4pt - h4pt_true) / rho), axis=[-2, -1])

    def huber(h4pt_true, h4pt):
        error = tf.abs(h4pt - h4pt_true)
        per_coordinate = tf.where(error < 1.0, 0.5 * tf.square(error), error - 0.5)
        return tf.reduce_mean(per_coordinate, axis=[-2, -1])

    losses = {"corner": corner_distance, "l2": l2, "huber": huber}
    if name not in losses:
        raise ValueError(f"There is no loss {name!r}; there are {', '.join(NAMES)}.")
    return losses[name]


def match_likelihood(h4pt_true, matches, patch_size):
    """How unlikely the true places of B's cells in A are, given where they were found.

    A Laplace-like density, so that what cannot be matched does not rule the loss. It teaches every
    cell its displacement, and how much to be trusted.

    Args:
      h4pt_true: `[n, 4, 2]`, pixels.
      matches: `[n, 5, cells²]`, of `matching.FitHomography`.
      patch_size: in pixels.

    Returns:
      float32 `[n]`, nats per cell.
    """
    u, v, l11, l21, l22 = tf.unstack(matches, axis=1)
    side = round(matches.shape[2] ** 0.5)
    _, pixels_from_units = geometry.normalization(patch_size)
    centres = (pixels_from_units @ matching.units_of_cells(side))[:2].T
    there = geometry.transform_points(geometry.matrix_from_h4pt(h4pt_true, patch_size), centres)
    error_x, error_y = u - there[..., 0], v - there[..., 1]
    root = tf.sqrt(1.0 + tf.square(l11 * error_x + l21 * error_y) + tf.square(l22 * error_y))
    return tf.reduce_mean(2.0 * root - tf.math.log(l11 * l22), axis=-1)
