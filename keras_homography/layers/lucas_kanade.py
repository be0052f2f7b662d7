"""Lucas–Kanade refinement of the network's homographies, to a few thousandths of a pixel.

Gauss–Newton on the difference of the patches, coarse to fine, as derived in
`geometry.lucas_kanade_constants`. `registration.lucas_kanade` does the same in NumPy for whole
images.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from keras_homography import geometry
from keras_homography.geometry import lucas_kanade_constants as constants
from keras_homography.geometry.lucas_kanade_constants import MID_GRAY, NUM_STEPS, NUM_TONES
from keras_homography.layers import least_squares, split_and_concat, traced_once
from keras_homography.layers.lucas_kanade_level import Level

_TOLERATED_INCREASE = 1.05  # of the disagreement: a start that is right need not become so


class Refined(NamedTuple):
    """Refined homographies and how well they explain the patches.

    Attributes:
      h4pt: float32 `[n, 4, 2]`, pixels.
      disagreement: float32 `[n]`, pixels: the misalignment that the residuals suggest before the
        last step; mostly below 0.4 where the answer is right.
      last_step: float32 `[n]`, pixels that the last step moved: about 0 after convergence.
    """

    h4pt: tf.Tensor
    disagreement: tf.Tensor
    last_step: tf.Tensor


def geometric_mean(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Average `[n, 1, points]` over the points geometrically: `[n, 1, 1]`."""
    total = tf.reduce_sum(weights * tf.math.log(values), axis=2, keepdims=True)
    return tf.exp(total / (tf.reduce_sum(weights, axis=2, keepdims=True) + 1.0))


def robust_weights(residual: tf.Tensor, usable: tf.Tensor) -> tf.Tensor:
    """Compute Geman–McClure weights.

    Args:
      residual: float32 `[n, 1, points]`, gray levels.
      usable: float32 `[n, 1, points]`, 0 to 1: visible and well exposed.

    Returns:
      float32 `[n, 1, points]`, at most `usable`.
    """
    magnitude = tf.abs(residual) + constants.RESIDUAL_FLOOR
    scale = constants.SCALE_FACTOR * geometric_mean(magnitude, usable)
    scale = tf.maximum(scale, constants.MIN_SCALE)
    root = 1.0 / (1.0 + tf.square(residual / scale) / constants.WIDTH**2)
    return usable * root * root


def exposure(gray: tf.Tensor) -> tf.Tensor:
    """Weigh pixels by exposure: 1 where a gray level is well exposed, 0 where it is clipped."""
    margin = tf.minimum(gray - constants.DARKEST, constants.BRIGHTEST - gray)
    return tf.clip_by_value(margin, 0.0, 1.0)


class Comparison:
    """B compared with A under a homography and a tone curve.

    Args:
      level: the patches.
      a_from_b: float32 `[n, 3, 3]`, in units of half a patch.
      tone: float32 `[n, 3, 1]`, coefficients of the tone curve, gray levels.
      robust: whether outliers count less.

    Attributes:
      weights: float32 `[n, 1, points]`, of the equations.
    """

    def __init__(
        self, level: Level, a_from_b: tf.Tensor, tone: tf.Tensor, robust: bool = True
    ) -> None:
        self._level, self._tone = level, split_and_concat.split(tone)
        gray, self._gradient_x, self._gradient_y, self._visible = level.sample(a_from_b)
        self._z = (gray - MID_GRAY) / MID_GRAY
        self._basis = [tf.ones_like(gray), self._z, self._z * self._z]
        self._difference = level.b - gray
        t0, t1, t2 = self._tone
        self._residual = self._difference - (t0 + self._z * (t1 + self._z * t2))
        self._usable = self._visible * exposure(gray) * exposure(level.b)
        self.weights = robust_weights(self._residual, self._usable) if robust else self._usable

    def fit_tone(self) -> tf.Tensor:
        """Fit the tone curve alone, with the homography as it is: float32 `[n, 3, 1]`."""
        root = tf.sqrt(self.weights)
        equations = split_and_concat.join([*self._basis, self._difference]) * root
        return least_squares.fit(equations, constants.TONE_DAMPING)

    def fit(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Fit a step of the homography together with the tone curve.

        Returns:
          `(step, tone)`: float32 `[n, 8, 1]`, as `geometry.move` takes it, and `[n, 3, 1]`.
        """
        level, root = self._level, tf.sqrt(self.weights)
        _, t1, t2 = self._tone
        slope = 0.5 + (0.5 * t1 + t2 * self._z) / MID_GRAY
        gradient_x = root * (0.5 * level.gradient_x + slope * self._gradient_x)
        gradient_y = root * (0.5 * level.gradient_y + slope * self._gradient_y)
        x, y = level.x, level.y
        radial = -1.0 * (x * gradient_x + y * gradient_y)
        tones = [root * (MID_GRAY * element) for element in self._basis]
        equations = split_and_concat.join(
            [
                *(x * gradient_x, y * gradient_x, gradient_x),
                *(x * gradient_y, y * gradient_y, gradient_y),
                *(x * radial, y * radial),
                *tones,
                root * self._difference,
            ]
        )
        solution = least_squares.fit(equations, constants.DAMPING_FLOAT32)
        step = tf.slice(solution, [0, 0, 0], [-1, NUM_STEPS, -1])
        return step, MID_GRAY * tf.slice(solution, [0, NUM_STEPS, 0], [-1, NUM_TONES, -1])

    def disagreement(self, min_overlap: float) -> tf.Tensor:
        """Estimate the remaining misalignment from the residuals.

        Args:
          min_overlap: share of B that A contains below which agreement proves less and less, as a
            few pixels agree by chance.

        Returns:
          float32 `[n, 1, 1]`, pixels.
        """
        level, half, floor = (
            self._level,
            self._level.half,
            constants.DISAGREEMENT_FLOOR,
        )
        length = tf.sqrt(tf.square(level.gradient_x) + tf.square(level.gradient_y)) / half
        ratio = (tf.abs(self._residual) + floor) / (length + floor)
        distance = geometric_mean(ratio, self._usable)
        max_overlap = (1.0 - 1.5 / half) ** 2  # the outermost pixels have no gradient
        overlap = tf.reduce_mean(self._visible, axis=2, keepdims=True) / (max_overlap * min_overlap)
        return distance / tf.square(tf.clip_by_value(overlap, 0.1, 1.0))


@traced_once.for_each_batch_size  # as `LookAgain` calls it five times
def _refine(
    pairs: tf.Tensor,
    h4pt: tf.Tensor,
    *,
    steps: tuple[tuple[int, ...], ...],
    block: int,
    min_overlap: float,
    robust: bool,
) -> Refined:
    """Compute the outputs of a `LucasKanade`."""
    size = pairs.shape[1]
    units_from_pixels, pixels_from_units = geometry.normalization(size)
    a_from_b = units_from_pixels @ geometry.matrix_from_h4pt(h4pt, size) @ pixels_from_units
    levels = [
        Level(
            tf.nn.avg_pool2d(pairs, shrink, shrink, "VALID") if shrink > 1 else pairs,
            block,
        )
        for shrink, _ in steps
    ]
    tone = tf.zeros_like(a_from_b[:, :, :1])
    # Gray levels first, with the geometry as it is; twice, to leave out what is occluded.
    tone = Comparison(levels[0], a_from_b, tone, robust).fit_tone()
    before = Comparison(levels[0], a_from_b, tone, robust)
    tone = before.fit_tone()
    for level, (_, count) in zip(levels, steps, strict=True):
        for _ in range(count):
            comparison = Comparison(level, a_from_b, tone, robust)
            step, tone = comparison.fit()
            a_from_b = geometry.move(a_from_b, step)
    after = Comparison(levels[0], a_from_b, tone, robust)
    refined = geometry.h4pt_from_matrix(pixels_from_units @ a_from_b @ units_from_pixels, size)
    initial = before.disagreement(min_overlap)
    is_better = after.disagreement(min_overlap) <= _TOLERATED_INCREASE * initial
    disagreement = tf.where(is_better, comparison.disagreement(min_overlap), steps[0][0] * initial)
    squared = tf.reduce_sum(tf.square(step), axis=[1, 2]) + 1e-12  # its root has a gradient
    last_step = 0.5 * size * tf.sqrt(squared)
    return Refined(tf.where(is_better, refined, h4pt), disagreement[:, 0, 0], last_step)


@keras.saving.register_keras_serializable("keras_homography")
class LucasKanade(keras.layers.Layer):
    """Refine `h4pt` by Lucas–Kanade, where that makes the patches agree better.

    Inputs: pairs, float32 `[n, size, size, 2]`, gray levels in 0..255; `h4pt`, float32 `[n, 4, 2]`,
    pixels, a few pixels from the truth at most. Output: `Refined`, whose `h4pt` is the given one
    where the patches agree better with that. Differentiable in both inputs.

    Args:
      steps: `(shrink, count)` from coarse to fine: how many times smaller the patches are, and how
        many Gauss–Newton steps are taken.
      block: side of the blocks of pixels, at least 2: of each, only the pixel with the strongest
        gradient counts.
      min_overlap: share of B that A contains below which agreement proves less and less; corners
        that move by a quarter of the patch leave more than the default.
      robust: whether outliers, such as occluded parts, count less.
      **options: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        steps: Sequence[Sequence[int]] = ((2, 4), (1, 3)),
        block: int = 2,
        min_overlap: float = 0.65,
        robust: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.steps: tuple[tuple[int, ...], ...] = tuple(map(tuple, steps))
        self.block = block
        self.min_overlap, self.robust = min_overlap, robust

    def call(self, pairs: tf.Tensor, h4pt: tf.Tensor) -> Refined:
        """Refine the homographies of pairs: see the class."""
        refined = _refine(
            pairs,
            h4pt,
            steps=self.steps,
            block=self.block,
            min_overlap=self.min_overlap,
            robust=self.robust,
        )
        return Refined(*refined)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {
            **super().get_config(),
            "steps": self.steps,
            "block": self.block,
            "min_overlap": self.min_overlap,
            "robust": self.robust,
        }


def attach(model: keras.Model, **options: Any) -> keras.Model:
    """Attach Lucas–Kanade refinement to a model.

    Args:
      model: a functional `keras.Model` of pairs whose first output is `h4pt`.
      **options: of `LucasKanade`.

    Returns:
      A functional `keras.Model` of the same input and outputs, with the same weights.
    """
    h4pt, *others = model.outputs
    refined, *_ = LucasKanade(dtype="float32", name="refinement", **options)(model.input, h4pt)
    outputs = [refined, *others] if others else refined
    return keras.Model(model.input, outputs, name=f"{model.name}_refined")
