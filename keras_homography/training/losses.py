"""Training losses: one value a pair, `[n]`.

`get_loss` returns the losses of `h4pt` `[n, 4, 2]`, true and predicted; `cross_entropy`,
`match_likelihood` and `photometric` compare other outputs or the patches.
"""

from collections.abc import Callable

import keras
import tensorflow as tf

from keras_homography import geometry
from keras_homography.geometry import warping
from keras_homography.layers import cell_grid
from keras_homography.training import choices
from keras_homography.utils.errors import UserError

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
# Of `photometric`: the factors by which the patches are reduced, the side of a window, and the
# variance, in gray levels squared, below which a window contains noise rather than texture.
_REDUCTIONS, _WINDOW, _NOISE = (1, 2, 4), 7, 25.0


def corner_distance(h4pt_true: tf.Tensor, h4pt: tf.Tensor) -> tf.Tensor:
    """Return the mean distance of the four corners, the reported metric.

    Differentiable everywhere: at distance 0 the gradient is 0.

    Args:
      h4pt_true: float32 `[n, 4, 2]`, pixels.
      h4pt: float32 `[n, 4, 2]`, pixels, predicted.

    Returns:
      float32 `[n]`, pixels.
    """
    squared = tf.reduce_sum(tf.square(h4pt - h4pt_true), axis=-1)
    zero = squared == 0.0  # not `squared > 0`, which would hide NaN
    distance = tf.where(zero, 0.0, tf.sqrt(tf.where(zero, 1.0, squared)))
    return tf.reduce_mean(distance, axis=-1)


def get_loss(name: str, rho: float) -> Loss:
    """Return a loss of corner offsets by its name.

    Args:
      name: "corner": mean corner distance, pixels. "l2": the paper's Euclidean loss, half the sum
        of the squared offset errors (section 4), here in units of rho, for which the paper's
        learning rate is stable. "huber": mean per coordinate, quadratic up to one pixel.
      rho: Largest corner offset, in pixels.

    Returns:
      A function `(h4pt_true, h4pt) -> [n]`.

    Raises:
      UserError: There is no such loss, or it is not one of corner offsets.
    """

    def l2(h4pt_true: tf.Tensor, h4pt: tf.Tensor) -> tf.Tensor:
        return 0.5 * tf.reduce_sum(tf.square((h4pt - h4pt_true) / rho), axis=[-2, -1])

    def huber(h4pt_true: tf.Tensor, h4pt: tf.Tensor) -> tf.Tensor:
        return keras.losses.huber(tf.reshape(h4pt_true, [-1, 8]), tf.reshape(h4pt, [-1, 8]))

    if name == "photometric":
        raise UserError(
            "The loss photometric compares patches, not corners: see losses.photometric."
        )
    if name == "matching":
        raise UserError("The loss matching compares cells, not corners: see matching_losses.")
    if name == "cross_entropy":
        raise UserError(
            "The loss cross_entropy is for a model with probabilities, homographynet_classifier."
        )
    losses: dict[str, Loss] = {"corner": corner_distance, "l2": l2, "huber": huber}
    if name not in losses:
        raise UserError(f"There is no loss {name!r}; there are {', '.join(choices.LOSSES)}.")
    return losses[name]


def cross_entropy(h4pt_true: tf.Tensor, probabilities: tf.Tensor, rho: float) -> tf.Tensor:
    """Return the cross-entropy of the paper's classification network, for offsets between bins.

    Section 4 of the paper counts the nearest bin alone as true. Here the two neighboring bins
    share the target by nearness, so that the expectation over the bins is the true offset where
    the loss is lowest. Not `keras.losses.categorical_crossentropy`, which clips probabilities at
    1e-7 in eager mode, and takes the logits of the softmax instead in a graph: the loss would
    depend on how a step is run.

    Args:
      h4pt_true: float32 `[n, 4, 2]`, pixels; offsets beyond rho count as rho.
      probabilities: float32 `[n, 4, 2, bins]`, of `homographynet_classifier`.
      rho: Offset of the last bin, in pixels.

    Returns:
      float32 `[n]`, nats a coordinate.
    """
    bins = probabilities.shape[-1]
    position = (tf.clip_by_value(h4pt_true / rho, -1.0, 1.0) + 1.0) * (bins - 1) / 2.0
    distance = tf.abs(position[..., None] - tf.range(bins, dtype=tf.float32))
    log = tf.math.log(tf.maximum(probabilities, 1e-9))
    target = tf.maximum(0.0, 1.0 - distance)
    return -tf.reduce_mean(tf.reduce_sum(target * log, axis=-1), axis=[-2, -1])


def match_likelihood(h4pt_true: tf.Tensor, matches: tf.Tensor, patch_size: int) -> tf.Tensor:
    """Return the negative log-likelihood of the true positions of B's cells in A.

    The density is Laplace-like, so that cells without a match do not dominate the loss. Every cell
    learns its displacement and its precision.

    Args:
      h4pt_true: float32 `[n, 4, 2]`, pixels.
      matches: float32 `[n, 5, cells²]`, of `homography_fit.FitHomography`: position in A, and the
        Cholesky factor of the precision.
      patch_size: In pixels.

    Returns:
      float32 `[n]`, nats per cell.
    """
    u, v, l11, l21, l22 = tf.unstack(matches, axis=1)
    side = round(matches.shape[2] ** 0.5)
    _, pixels_from_units = geometry.normalization(patch_size)
    centers = (pixels_from_units @ cell_grid.units_of_cells(side))[:2].T
    a_from_b = geometry.matrix_from_h4pt(h4pt_true, patch_size)
    true_position = geometry.transform_points(a_from_b, centers)
    error_x, error_y = u - true_position[..., 0], v - true_position[..., 1]
    root = tf.sqrt(1.0 + tf.square(l11 * error_x + l21 * error_y) + tf.square(l22 * error_y))
    return tf.reduce_mean(2.0 * root - tf.math.log(l11 * l22), axis=-1)


def photometric(pairs: tf.Tensor, h4pt: tf.Tensor) -> tf.Tensor:
    """Return how much patch B differs from patch A warped by predicted corners; needs no labels.

    One minus the normalized cross-correlation of windows of 7 x 7 pixels, at full, half and a
    quarter resolution: the mean over the windows that lie inside A, weighted by their texture
    against noise. Gain and bias are free in every window; an occluded window merely does not
    match. After Nguyen et al. 2018 (arXiv:1709.03966, section III), whose loss is the L1 distance
    of gray levels.

    Args:
      pairs: float32 `[n, size, size, 2]`, gray levels in 0..255: patch A, patch B.
      h4pt: float32 `[n, 4, 2]`, pixels.

    Returns:
      float32 `[n]`, 0 to 2, differentiable in `h4pt`; 1 is chance, and the value of a pair
      without overlap.
    """
    size = pairs.shape[1]
    patch_a, patch_b = tf.split(pairs / 255.0, 2, axis=-1)
    grid = tf.reshape(warping.pixel_grid(size, size), [1, size * size, 2])
    points = geometry.transform_points(geometry.matrix_from_h4pt(h4pt, size), grid)
    warped = warping.sample(patch_a, points)
    overlap = tf.cast(warping.inside(points, size, size), tf.float32)
    full = tf.concat([warped, tf.reshape(patch_b, tf.shape(warped)), overlap[..., None]], axis=-1)
    full = tf.reshape(full, [-1, size, size, 3])
    total, factors = 0.0, [factor for factor in _REDUCTIONS if size // factor >= _WINDOW]
    for factor in factors:
        reduced = tf.nn.avg_pool2d(full, factor, factor, "VALID") if factor > 1 else full
        a, b, overlap = tf.split(reduced, 3, axis=-1)
        total += _decorrelation(a, b, overlap, _NOISE / 255.0**2 / factor)
    return total / len(factors)


def _decorrelation(a: tf.Tensor, b: tf.Tensor, overlap: tf.Tensor, noise: float) -> tf.Tensor:
    """One minus the mean normalized cross-correlation of the windows inside the overlap, `[n]`."""
    # All maps at once, as convolutions along columns and rows: `avg_pool2d` of one channel takes
    # fifteen times as long.
    maps = tf.concat([a, b, a * a, b * b, a * b, overlap], axis=0)
    column = tf.fill([_WINDOW, 1, 1, 1], 1.0 / _WINDOW)
    maps = tf.nn.conv2d(maps, column, [2, 1], "VALID")
    maps = tf.nn.conv2d(maps, tf.transpose(column, [1, 0, 2, 3]), [1, 2], "VALID")
    a, b, a_squared, b_squared, product, overlap = tf.split(maps, 6, axis=0)
    variance_a, variance_b = (
        tf.nn.relu(square - mean * mean) for square, mean in ((a_squared, a), (b_squared, b))
    )
    correlation = (product - a * b) / tf.sqrt((variance_a + noise) * (variance_b + noise))
    weight = tf.cast(overlap > 0.999, tf.float32) * variance_b / (variance_b + noise)
    total, weights = (
        tf.reduce_sum(values, axis=[1, 2, 3]) for values in (weight * correlation, weight)
    )
    return 1.0 - total / tf.maximum(weights, 1.0)
