"""How far a refined answer is expected to be from the truth: doubt that a phone can read, too."""

import itertools
import math

import tensorflow as tf

from keras_homography.layers.lucas_kanade import Refined

# Beside the disagreement. Chosen from 0 to 3 on 1,008 training pairs each, clean, photometric and
# occluded: it separated converged pairs from others best.
LAST_STEP_WEIGHT = 3.0
# Mean corner error, of 32 px at most, against the disagreement and the last step together: fitted
# to 1,840 pairs of the shipped model, clean, in other light, occluded by 14 to 50 %, and of
# different images, whose error counts as 32 px.
_MEAN_ERRORS = {
    0.1: 0.003,
    0.25: 0.01,
    0.45: 0.09,
    0.6: 0.22,
    0.8: 1.2,
    1.2: 3.5,
    2.0: 8.5,
    3.0: 14.0,
    6.0: 26.0,
    12.0: 32.0,
}


def expected_corner_error(refined: Refined) -> tf.Tensor:
    """Estimate the mean corner error of refined homographies.

    Interpolates a table, both sides as logarithms, by built-in operators of TFLite.

    Args:
      refined: of `LookAgain` or `LucasKanade`, for patches of 128 pixels.

    Returns:
      float32 `[n]`, pixels of the patch, 0.003 to 32.
    """
    doubt = refined.disagreement + LAST_STEP_WEIGHT * refined.last_step
    position = tf.math.log(tf.maximum(doubt, min(_MEAN_ERRORS)))
    knots = [(math.log(key), math.log(error)) for key, error in _MEAN_ERRORS.items()]
    logarithm = tf.zeros_like(position) + knots[0][1]
    for (left, low), (right, high) in itertools.pairwise(knots):
        slope = (high - low) / (right - left)
        logarithm += slope * (tf.clip_by_value(position, left, right) - left)
    return tf.exp(logarithm)
