"""Lucas–Kanade refinement of a homography on one pyramid level, in NumPy.

As derived in `geometry.lucas_kanade_constants`; `layers.lucas_kanade` does the same in TensorFlow,
for the network's patches. Functions and classes of both have the same names.
"""

import numpy as np
import numpy.typing as npt

from keras_homography.geometry import arrays
from keras_homography.geometry import lucas_kanade_constants as constants
from keras_homography.geometry.lucas_kanade_constants import MID_GRAY, NUM_STEPS, NUM_TONES
from keras_homography.registration.lucas_kanade_level import Floats, Level
from keras_homography.registration.lucas_kanade_weights import (
    exposure,
    geometric_mean,
    regional_weights,
    robust_weights,
)

_CONVERGED = 2e-3  # pixels that corners move
_TONE_FITS = 3  # of the tone curve alone, each leaving out more of what does not agree
# Of a point that has texture, gray levels a pixel; of one that agrees precisely, pixels.
_MIN_GRADIENT, _PRECISE = 6.0, 0.25
# Share of precise points around one, from which it counts, and from which it counts fully.
_PRECISE_COUNTS, _PRECISE_AGREES = 0.4, 0.7
_FEW_POINTS, _FEW_AROUND = 50.0, 3.0  # shrink shares of few points


def _solve_damped(normal: Floats, right: Floats, damping: float) -> Floats:
    """Solve normal equations with damping on the diagonal, relative to its mean."""
    damping = damping * np.trace(normal) / len(normal) + constants.MIN_DAMPING
    return np.linalg.solve(normal + damping * np.eye(len(normal)), right)


class Comparison:
    """B compared with A under a homography and a tone curve.

    Args:
      level: the images.
      a_from_b: float64 `[3, 3]`, pixels.
      tone: `[3]`, coefficients of the tone curve, gray levels; fitted if None.
      by_regions: whether to leave out whole regions that do not agree.

    Attributes:
      weights: `[points]`, of the equations.
    """

    def __init__(
        self,
        level: Level,
        a_from_b: npt.NDArray[np.float64],
        tone: Floats | None = None,
        by_regions: bool = False,
    ) -> None:
        self._level, self._by_regions = level, by_regions
        gray, self._gradient_x, self._gradient_y, visible = level.sample(a_from_b)
        self._z = (gray - MID_GRAY) / MID_GRAY
        self._basis = np.stack([np.ones_like(gray), self._z, self._z * self._z])
        self._difference = level.b - gray
        self._usable = visible * exposure(gray) * exposure(level.b)
        self._set_tone(np.zeros(NUM_TONES, np.float32) if tone is None else tone)
        if tone is None:
            for _ in range(_TONE_FITS):
                self._set_tone(self.fit_tone())

    def _set_tone(self, tone: Floats) -> None:
        self._tone = tone
        self._residual = self._difference - tone @ self._basis
        if self._by_regions:
            self.weights = regional_weights(self._level, self._residual, self._usable)
        else:
            self.weights = robust_weights(self._residual, self._usable)

    def agreement(self) -> Floats:
        """How far each point agrees: `[points]`, 0 to 1; NaN where it is not to be seen."""
        seen = self._usable > 0.0
        return np.where(seen, self.weights / np.where(seen, self._usable, 1.0), np.nan)

    def local_equations(self) -> tuple[Floats, Floats, Floats, Floats]:
        """How each point by itself would move: gradient times motion equals residual.

        Returns:
          `(gradient_x, gradient_y, residual, usable)`, each `[points]`: gray levels a pixel of B,
          gray levels, and 0 to 1.
        """
        level, slope = self._level, self._half_slope()
        scale = 1.0 / level.half
        return (
            scale * (0.5 * level.gradient_x + slope * self._gradient_x),
            scale * (0.5 * level.gradient_y + slope * self._gradient_y),
            self._residual,
            self._usable,
        )

    def fit_tone(self) -> Floats:
        """Fit the tone curve alone, with the homography as it is: `[3]`."""
        weighted = self._basis * self.weights
        return _solve_damped(
            weighted @ self._basis.T,
            weighted @ self._difference,
            constants.TONE_DAMPING,
        )

    def fit(self, possible_steps: Floats | None = None) -> tuple[Floats, Floats]:
        """Fit a step of the homography together with the tone curve.

        Args:
          possible_steps: float64 `[8, k]`, whose sums the step may be; None for any step.

        Returns:
          `(step, tone)`: float64 `[8]`, in units, and `[3]`, gray levels.

        Raises:
          np.linalg.LinAlgError: nothing determines the step.
        """
        level, root, slope = self._level, np.sqrt(self.weights), self._half_slope()
        gradient_x = root * (0.5 * level.gradient_x + slope * self._gradient_x)
        gradient_y = root * (0.5 * level.gradient_y + slope * self._gradient_y)
        equations = self._equations(gradient_x, gradient_y, root)
        if possible_steps is not None:
            equations = np.concatenate(
                [possible_steps.T @ equations[:NUM_STEPS], equations[NUM_STEPS:]]
            )
        solution = _solve_damped(
            equations @ equations.T,
            equations @ (root * self._difference),
            constants.DAMPING_FLOAT64,
        )
        step, tone = solution[:-NUM_TONES], MID_GRAY * solution[-NUM_TONES:]
        return (step if possible_steps is None else possible_steps @ step), tone

    def apply_tone(self, gray: Floats) -> Floats:
        """Change gray levels of A, of any shape, as the tone curve says."""
        t0, t1, t2 = (float(tone) for tone in self._tone)
        z = (gray - MID_GRAY) / MID_GRAY
        return gray + t0 + z * (t1 + t2 * z)

    def _half_slope(self) -> Floats:
        """Half the slope of the tone curve at the points of A."""
        _, t1, t2 = self._tone
        return 0.5 + (0.5 * t1 + t2 * self._z) / MID_GRAY

    def _equations(self, gradient_x: Floats, gradient_y: Floats, factors: Floats) -> Floats:
        """Left sides, float64 `[11, points]`; `factors` multiply the rows of the tone curve."""
        x, y = self._level.x, self._level.y
        radial = -(x * gradient_x + y * gradient_y)
        equations = np.empty([NUM_STEPS + NUM_TONES, len(x)])  # written once, without a copy
        for row, (first, second) in enumerate(
            [(x, gradient_x), (y, gradient_x), (1.0, gradient_x)]
            + [(x, gradient_y), (y, gradient_y), (1.0, gradient_y)]
            + [(x, radial), (y, radial)]
            + [(MID_GRAY * factors, basis) for basis in self._basis]
        ):
            np.multiply(first, second, out=equations[row])
        return equations

    def linearize(self) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        """Linearize how the images differ, as `fit` does, without solving for the step.

        Returns:
          `(of_a, of_b, difference, weights, curvature)`: left sides with the gradient of A alone
          and of B alone, float64 `[11, points]`; right sides, weights, and by how much a weighted
          residual changes with that residual, `[points]`.
        """
        level, slope = self._level, 2.0 * self._half_slope()
        ones = np.ones_like(slope)
        of_a = self._equations(slope * self._gradient_x, slope * self._gradient_y, ones)
        of_b = self._equations(level.gradient_x, level.gradient_y, ones)
        root = np.sqrt(self.weights / np.maximum(self._usable, 1e-6))
        return of_a, of_b, self._difference, self.weights, self.weights * (4.0 * root - 3.0)

    def disagreement(self) -> float:
        """Estimate the remaining misalignment from the residuals.

        Returns:
          Pixels of B; infinite without overlap.
        """
        if not self._usable.any():
            return np.inf
        return geometric_mean(self._misalignments()[0], self._usable)

    def left_out_share(self) -> float:
        """Share of what agrees by itself that is left out with its region, 0 to 1."""
        alone = float(robust_weights(self._residual, self._usable).sum())
        return 1.0 - float(self.weights.sum()) / alone if alone > 0.0 else 1.0

    def precise_share(self) -> float:
        """Share of the points with texture that agree within a quarter of a pixel.

        Only regions count where most points do: a point by itself agrees by chance. And the inner
        half of B must have them, too: two scenes can share a frame.

        Returns:
          0 to 1. A homography a pixel off has hardly any; but blur and noise, too, leave few.
        """
        misalignment, length = self._misalignments()
        textured = self._usable * (length > _MIN_GRADIENT)
        precise = textured * (misalignment < _PRECISE)
        level = self._level
        share = level.sum_around(precise) / (level.sum_around(textured) + _FEW_AROUND)
        agrees = (share - _PRECISE_COUNTS) / (_PRECISE_AGREES - _PRECISE_COUNTS)
        counted = textured * np.clip(agrees, 0.0, 1.0)
        shares = [
            float(counted[where].sum() / (textured[where].sum() + _FEW_POINTS))
            for where in (np.s_[:], level.in_inner_half)
        ]
        return min(shares)

    def _misalignments(self) -> tuple[Floats, Floats]:
        """`(misalignments, gradients)`, each `[points]`: pixels, and gray levels a pixel of B."""
        level, floor = self._level, constants.DISAGREEMENT_FLOOR
        length = np.hypot(level.gradient_x, level.gradient_y) / level.half
        return (np.abs(self._residual) + floor) / (length + floor), length


def refine_level(
    level: Level,
    a_from_b: npt.NDArray[np.float64],
    steps: int,
    possible_steps: Floats | None = None,
    by_regions: bool = False,
) -> npt.NDArray[np.float64] | None:
    """Iterate on one pyramid level.

    Args:
      level: the images.
      a_from_b: `[3, 3]`, pixels of the level, to begin with.
      steps: at most; fewer once corners move less than 0.002 pixels.
      possible_steps: as of `Comparison.fit`.
      by_regions: as of `Comparison`.

    Returns:
      The refined `a_from_b`, last element 1; None if it diverges.
    """
    square = arrays.corners(arrays.image_size(level.gray_b))
    pixel_from_unit = np.linalg.inv(level.unit_from_pixel)
    tone, quad = None, arrays.transform_points(a_from_b, square)
    for _ in range(steps):
        try:
            step, tone = Comparison(level, a_from_b, tone, by_regions).fit(possible_steps)
        except np.linalg.LinAlgError:
            return None
        moved = np.eye(3) + np.append(step, 0.0).reshape(3, 3)
        normalized = arrays.normalize(a_from_b @ pixel_from_unit @ moved @ level.unit_from_pixel)
        if normalized is None:
            return None
        a_from_b = normalized
        moved_quad = arrays.transform_points(a_from_b, square)
        if not np.isfinite(moved_quad).all():
            return None
        if np.abs(moved_quad - quad).max() < _CONVERGED:
            break
        quad = moved_quad
    return a_from_b
