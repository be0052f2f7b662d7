"""What training minimises. Every loss maps `h4pt` `[n, 4, 2]`, true and predicted, to `[n]`."""

import tensorflow as tf

from keras_homography import geometry, matching

NAMES = ("corner", "l2", "huber", "cross_entropy")


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

    if name == "cross_entropy":
        raise ValueError(
            "The loss cross_entropy is for a model with probabilities, homographynet_classifier."
        )
    losses = {"corner": corner_distance, "l2": l2, "huber": huber}
    if name not in losses:
        raise ValueError(f"There is no loss {name!r}; there are {', '.join(NAMES)}.")
    return losses[name]


def cross_entropy(h4pt_true, probabilities, rho):
    """The paper's loss of its classification network (section 4), for a truth between two bins.

    Ours: the paper counts the nearest bin alone as true. Here both neighbours are, by nearness, so
    that the expectation over the bins is the true offset where the loss is least.

    Args:
      h4pt_true: `[n, 4, 2]`, pixels; beyond rho it counts as rho.
      probabilities: `[n, 4, 2, bins]`, of `homographynet_classifier`.
      rho: offset of the last bin, in pixels.

    Returns:
      float32 `[n]`, nats a coordinate.
    """
    bins = probabilities.shape[-1]
    place = (tf.clip_by_value(h4pt_true / rho, -1.0, 1.0) + 1.0) * (bins - 1) / 2.0
    nearness = tf.maximum(0.0, 1.0 - tf.abs(place[..., None] - tf.range(bins, dtype=tf.float32)))
    log = tf.math.log(tf.maximum(probabilities, 1e-9))
    return -tf.reduce_mean(tf.reduce_sum(nearness * log, axis=-1), axis=[-2, -1])


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
