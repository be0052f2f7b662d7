"""Weights of the points that Lucas–Kanade compares: what is occluded or clipped is left out.

`layers.lucas_kanade` has the same functions in TensorFlow, but for the weights by regions.
"""

import numpy as np

from keras_homography.geometry import lucas_kanade_constants as constants
from keras_homography.registration.lucas_kanade_level import Floats, Level

_REGION_FITS = 2  # of the regions that agree, each by the scale of those before
# Share of the weights around a point, from which it counts, and from which it counts fully.
_REGION_COUNTS, _REGION_AGREES = 0.5, 0.75
_MIN_POINTS = 30  # in regions that agree


def geometric_mean(values: Floats, weights: Floats) -> float:
    """Average `[points]` geometrically."""
    return float(np.exp((weights * np.log(values)).sum() / (weights.sum() + 1.0)))


def robust_weights(residual: Floats, usable: Floats, typical: Floats | None = None) -> Floats:
    """Compute Geman–McClure weights.

    Args:
      residual: `[points]`, gray levels.
      usable: `[points]`, 0 to 1: visible and well exposed.
      typical: `[points]`, 0 to 1: how far a point counts for the scale; None for `usable`.

    Returns:
      `[points]`, at most `usable`.
    """
    magnitude = np.abs(residual) + constants.RESIDUAL_FLOOR
    scale = constants.SCALE_FACTOR * geometric_mean(
        magnitude, usable if typical is None else typical
    )
    scale = max(scale, constants.MIN_SCALE)
    root = 1.0 / (1.0 + np.square(residual / scale) / constants.WIDTH**2)
    return usable * root * root


def regional_weights(level: Level, residual: Floats, usable: Floats) -> Floats:
    """Compute robust weights that leave out whole regions where most points do not agree.

    Things that occlude others are regions, in which some points agree by chance; and where they
    are half of an image, the scale of all residuals is theirs. So it is that of what agrees.

    Args:
      level: the images.
      residual: `[points]`, gray levels.
      usable: `[points]`, 0 to 1: visible and well exposed.

    Returns:
      `[points]`, at most `usable`.
    """
    counted, around = usable, level.sum_around(usable) + 1.0
    weights = robust_weights(residual, usable)
    for _ in range(_REGION_FITS):
        share = level.sum_around(weights) / around
        agrees = np.clip((share - _REGION_COUNTS) / (_REGION_AGREES - _REGION_COUNTS), 0.0, 1.0)
        if (usable * agrees).sum() < _MIN_POINTS:
            break
        counted = usable * agrees
        weights = robust_weights(residual, usable, counted)
    return weights * np.divide(counted, usable, out=np.zeros_like(counted), where=usable > 0)


def exposure(gray: Floats) -> Floats:
    """Weigh pixels by exposure: 1 where a gray level is well exposed, 0 where it is clipped."""
    margin = np.minimum(gray - constants.DARKEST, constants.BRIGHTEST - gray)
    return np.clip(margin, 0.0, 1.0)
