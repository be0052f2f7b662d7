"""What training minimizes: a loss of every pair, `[n]`. Those of `make` are of `h4pt` `[n, 4, 2]`,
true and predicted; the others say of what they are."""

import tensorflow as tf

from keras_homography import geometry
from keras_homography.geometry import warping
from keras_homography.layers import cell_grid
from keras_homography.utils.errors import UserError

NAMES = ("corner", "l2", "huber", "cross_entropy", "photometric")
# Of `photometric`: how many times smaller the patches are compared, the side of a window, and the
# variance, in gray levels squared, below which a window shows noise rather than texture.
_SHRINKAGES, _WINDOW, _NOISE = (1, 2, 4), 7, 25.0


def corner_distance(h4pt_true, h4pt):
    """The mean distance of the four corners, float32 `[n]`, pixels: what people read.

    Differentiable everywhere: at distance 0 the gradient is 0.
    """
    squared = tf.reduce_sum(tf.square(h4pt - h4pt_true), axis=-1)
    zero = squared == 0.0  # not `squared > 0`, which would hide NaN
    distance = tf.where(zero, 0.0, tf.sqrt(tf.where(zero, 1.0, squared)))
    return tf.reduce_mean(distance, axis=-1)


def get_loss(name, rho):
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

    if name == "photometric":
        raise UserError("The loss photometric is of patches and corners: see losses.photometric.")
    if name == "cross_entropy":
        raise UserError(
            "The loss cross_entropy is for a model with probabilities, homographynet_classifier."
        )
    losses = {"corner": corner_distance, "l2": l2, "huber": huber}
    if name not in losses:
        raise UserError(f"There is no loss {name!r}; there are {', '.join(NAMES)}.")
    return losses[name]


def cross_entropy(h4pt_true, probabilities, rho):
    """The paper's loss of its classification network (section 4), for a truth between two bins.

    Ours: the paper counts the nearest bin alone as true. Here both neighbors are, by nearness, so
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
      matches: `[n, 5, cells²]`, of `homography_fit.FitHomography`.
      patch_size: in pixels.

    Returns:
      float32 `[n]`, nats per cell.
    """
    u, v, l11, l21, l22 = tf.unstack(matches, axis=1)
    side = round(matches.shape[2] ** 0.5)
    _, pixels_from_units = geometry.normalization(patch_size)
    centers = (pixels_from_units @ cell_grid.units_of_cells(side))[:2].T
    there = geometry.transform_points(geometry.matrix_from_h4pt(h4pt_true, patch_size), centers)
    error_x, error_y = u - there[..., 0], v - there[..., 1]
    root = tf.sqrt(1.0 + tf.square(l11 * error_x + l21 * error_y) + tf.square(l22 * error_y))
    return tf.reduce_mean(2.0 * root - tf.math.log(l11 * l22), axis=-1)


def photometric(pairs, h4pt):
    """How little B looks like A under predicted corners: needs no labels.

    One minus the normalized cross-correlation of windows of 7 x 7 pixels, at the patches' size,
    half and a quarter of it: the mean over the windows that A shows whole, weighted by how much
    more texture than noise they show. Every window has a gain and a bias of its own, and one that
    is covered is merely no match. After Nguyen et al. 2018 (arXiv:1709.03966, section III), whose
    loss is the L1 distance of gray levels.

    Args:
      pairs: float32 `[n, size, size, 2]`, gray levels in 0..255: patch A, patch B.
      h4pt: float32 `[n, 4, 2]`, pixels.

    Returns:
      float32 `[n]`, 0 to 2, differentiable in `h4pt`; 1 is chance. Where A shows no window of B
      it is 1.
    """
    size = pairs.shape[1]
    patch_a, patch_b = tf.split(pairs / 255.0, 2, axis=-1)
    grid = tf.reshape(warping.pixel_grid(size, size), [1, size * size, 2])
    points = geometry.transform_points(geometry.matrix_from_h4pt(h4pt, size), grid)
    warped = warping.sample(patch_a, points)
    seen = tf.cast(warping.inside(points, size, size), tf.float32)
    whole = tf.concat([warped, tf.reshape(patch_b, tf.shape(warped)), seen[..., None]], axis=-1)
    whole = tf.reshape(whole, [-1, size, size, 3])
    total, shrinkages = 0.0, [by for by in _SHRINKAGES if size // by >= _WINDOW]
    for shrinkage in shrinkages:
        shrunk = tf.nn.avg_pool2d(whole, shrinkage, shrinkage, "VALID") if shrinkage > 1 else whole
        a, b, seen = tf.split(shrunk, 3, axis=-1)
        total += _decorrelation(a, b, seen, _NOISE / 255.0**2 / shrinkage)
    return total / len(shrinkages)


def _decorrelation(a, b, seen, noise):
    """One minus the mean normalized cross-correlation of the windows wholly seen, `[n]`."""
    # All of them at once, as convolutions along columns and rows: `avg_pool2d` of one channel takes
    # fifteen times as long.
    maps = tf.concat([a, b, a * a, b * b, a * b, seen], axis=0)
    column = tf.fill([_WINDOW, 1, 1, 1], 1.0 / _WINDOW)
    maps = tf.nn.conv2d(maps, column, [2, 1], "VALID")
    maps = tf.nn.conv2d(maps, tf.transpose(column, [1, 0, 2, 3]), [1, 2], "VALID")
    a, b, a_squared, b_squared, product, seen = tf.split(maps, 6, axis=0)
    variance_a, variance_b = (
        tf.nn.relu(square - mean * mean) for square, mean in ((a_squared, a), (b_squared, b))
    )
    correlation = (product - a * b) / tf.sqrt((variance_a + noise) * (variance_b + noise))
    weight = tf.cast(seen > 0.999, tf.float32) * variance_b / (variance_b + noise)
    total, weights = (
        tf.reduce_sum(values, axis=[1, 2, 3]) for values in (weight * correlation, weight)
    )
    return 1.0 - total / tf.maximum(weights, 1.0)
