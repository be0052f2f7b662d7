"""Keras layer that fits a homography to the displacements of feature cells.

Features live on a grid of cells of `stride` pixels; the center of cell `i` is pixel
`(i + 0.5) * stride - 0.5`.
"""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from keras_homography import geometry
from keras_homography.layers import cell_grid, least_squares, split_and_concat, traced_once

_ITERATIONS = 3  # of reweighted least squares
_MAX_LOG = 6.0  # of a diagonal element of L: bounds the ratio of weights
_DAMPING = 1e-4
# The 6 monomials, and the 9 weights, whose 54 moments `_weighted_fit` computes.
_X, _Y, _ONE = (0, 1, 2), (1, 3, 4), (2, 4, 5)  # number of the monomial times x, y and 1
_A, _B, _C, _U, _V, _UV, _RIGHT_U, _RIGHT_V, _RIGHT_UV = range(9)


def _system_layout() -> npt.NDArray[np.int64]:
    """Locate each element of the augmented 8 x 9 normal equations among the 54 moments.

    An example with 2 unknowns: were there only the equations `du = s0 x + s1 y` of weight `a`,
    their normal equations would be

        Σ a x x   Σ a x y  |  Σ (a du) x
        Σ a x y   Σ a y y  |  Σ (a du) y

    Each sum is the moment of a weight and a monomial, found at `weight + 9 * monomial`. The weight
    `a` is number 0 (`_A`), that of the right sides is number 6 (`_RIGHT_U`); of the monomials `x²`
    is number 0, `x y` 1, `x` 2, `y²` 3 and `y` 4. So these six elements are at

        0   9   |  24
        9   27  |  42

    which are rows 0 and 1, columns 0, 1 and 8 of the result. `blocks` says which weight the
    elements of three rows have (s0 to s2: the equation of `du`; s3 to s5: of `dv`; s6, s7: both),
    `factors` by which monomial each row multiplies its columns.
    """
    blocks = [
        [_A] * 3 + [_B] * 3 + [_U] * 2 + [_RIGHT_U],
        [_B] * 3 + [_C] * 3 + [_V] * 2 + [_RIGHT_V],
        [_U] * 3 + [_V] * 3 + [_UV] * 2 + [_RIGHT_UV],
    ]
    factors = [_X, _Y, _ONE] * 2 + [_X, _Y]
    columns = [0, 1, 2, 0, 1, 2, 0, 1, 2]  # x, y, 1 of the column; the right side is times 1
    return np.array(
        [
            [blocks[row // 3][column] + 9 * factors[row][columns[column]] for column in range(9)]
            for row in range(8)
        ]
    )


# `[54, 72]`, one 1 a column: picks the system out of the moments by a matrix product.
_LAYOUT = np.eye(54, dtype=np.float32)[:, _system_layout().ravel()]


def _weighted_fit(
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.float32],
    displacement: tuple[tf.Tensor, tf.Tensor],
    information: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
) -> tf.Tensor:
    """Fit a homography to displacements by weighted linear least squares.

    The equations of a point are linear in the eight elements: `du = s0 x + s1 y + s2 - u (s6 x + s7
    y)`, and `dv` likewise. All sums over points that their normal equations need are moments of
    nine weights, so one matrix product computes them.

    Args:
      x: `[m]`, of the points, in units of half a patch.
      y: the same along y.
      displacement: `(du, dv)`, each `[n, 1, m]`, in units.
      information: `(a, b, c)`, each `[n, 1, m]`, the weight `[[a, b], [b, c]]` of each point.

    Returns:
      float32 `[n, 8, 1]`, the step: the homography is the identity plus it.
    """
    (du, dv), (a, b, c) = displacement, information
    u, v = x + du, y + dv
    right_u, right_v = a * du + b * dv, b * du + c * dv
    from_u, from_v = a * u + b * v, b * u + c * v
    weights = split_and_concat.join(
        [
            *(a, b, c, -1.0 * from_u, -1.0 * from_v, u * from_u + v * from_v),
            *(right_u, right_v, -1.0 * (u * right_u + v * right_v)),
        ]
    )
    monomials = np.stack([x * x, x * y, x, y * y, y, np.ones_like(x)])[None]
    moments = tf.matmul(monomials, weights, transpose_b=True)
    system = tf.reshape(tf.matmul(tf.reshape(moments, [-1, 54]), _LAYOUT), [-1, 8, 9])
    normal, right = (
        tf.slice(system, [0, 0, 0], [-1, -1, 8]),
        tf.slice(system, [0, 0, 8], [-1, -1, 1]),
    )
    return least_squares.solve_damped(normal, right, damping=_DAMPING)


def _information(
    log_l11: tf.Tensor, l21: tf.Tensor, log_l22: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
    """Compute `(l11, l22, (a, b, c))` with `L Lᵀ = [[a, b], [b, c]]`, the information of cells."""
    l11, l22 = (tf.exp(_MAX_LOG * tf.tanh(log / _MAX_LOG)) for log in (log_l11, log_l22))
    return l11, l22, (l11 * l11, l11 * l21, l21 * l21 + l22 * l22)


def _robust_fit(
    x: npt.NDArray[np.float32],
    y: npt.NDArray[np.float32],
    displacement: tuple[tf.Tensor, tf.Tensor],
    information: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    scale: float,
) -> tf.Tensor:
    """Fit like `_weighted_fit`, reweighted by Student's t: outliers count less.

    Args:
      x: as of `_weighted_fit`.
      y: as of `_weighted_fit`.
      displacement: as of `_weighted_fit`.
      information: as of `_weighted_fit`.
      scale: of the residuals, in units.

    Returns:
      As of `_weighted_fit`.
    """
    (du, dv), (a, b, c) = displacement, information
    step = _weighted_fit(x, y, displacement, information)
    for _ in range(_ITERATIONS - 1):
        s = split_and_concat.split(step)
        radial = s[6] * x + s[7] * y
        left_u = du - (s[0] * x + s[1] * y + s[2] - (x + du) * radial)
        left_v = dv - (s[3] * x + s[4] * y + s[5] - (y + dv) * radial)
        squared = a * left_u * left_u + 2.0 * b * left_u * left_v + c * left_v * left_v
        weight = tf.stop_gradient(1.0 / (1.0 + squared / (4.0 * scale**2)))
        step = _weighted_fit(x, y, displacement, (weight * a, weight * b, weight * c))
    return step


@traced_once.for_each_batch_size  # as a cascade fits once a stage
def _fit(
    displacements: tf.Tensor, a_from_b: tf.Tensor, *, patch_size: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Compute the outputs of a `FitHomography`."""
    cells, half = displacements.shape[1], patch_size / 2.0
    per_cell = 2.0 / cells  # units
    x, y, _ = cell_grid.units_of_cells(cells)
    table = tf.transpose(tf.reshape(displacements, [-1, cells * cells, 5]), [0, 2, 1])
    du, dv, log_l11, l21, log_l22 = split_and_concat.split(table)
    du, dv = du * per_cell, dv * per_cell
    l11, l22, information = _information(log_l11, l21, log_l22)
    step = _robust_fit(x, y, (du, dv), information, per_cell)
    after = geometry.move(a_from_b, step)

    units_from_pixels, pixels_from_units = geometry.normalization(patch_size)
    in_pixels = pixels_from_units @ after @ units_from_pixels
    h4pt = geometry.h4pt_from_matrix(in_pixels, patch_size)
    h4pt = tf.clip_by_value(h4pt, -half, half)

    moved = tf.concat([x + du, y + dv, tf.ones_like(du)], axis=1)
    u, v = cell_grid.transform_cells(a_from_b, moved)
    per_pixel = cells / patch_size
    matches = tf.concat(
        [
            u * half + (half - 0.5),
            v * half + (half - 0.5),
            l11 * per_pixel,
            l21 * per_pixel,
            l22 * per_pixel,
        ],
        axis=1,
    )
    return h4pt, after, matches


@keras.saving.register_keras_serializable("keras_homography")
class FitHomography(keras.layers.Layer):
    """Fit a homography to a displacement for every cell, weighted by its information.

    Inputs: `[n, cells, cells, 5]`, for every cell of B its displacement along x and y in cells, and
    the three elements (log of the first, second, log of the third) of the lower triangle `L` whose
    `L Lᵀ` is the displacement's information (inverse covariance): an edge determines one direction
    only; and `a_from_b` `[n, 3, 3]`, in units of half a patch, relative to which they are displaced
    (the identity if it is not given).

    Outputs: the new `h4pt`, `[n, 4, 2]`, pixels; the new `a_from_b`, `[n, 3, 3]`, in units of half
    a patch; and `matches` `[n, 5, cells²]`: where each cell of B lies in A, along x and y in
    pixels, and its `L`, per pixel.

    Args:
      patch_size: side of the patches, in pixels.
      **options: of `keras.layers.Layer`.
    """

    def __init__(self, patch_size: int, **options: Any) -> None:
        super().__init__(**options)
        self.patch_size = patch_size

    def call(
        self, displacements: tf.Tensor, a_from_b: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Fit the homographies: see the class."""
        if a_from_b is None:
            identity = tf.eye(3, batch_shape=[1])
            a_from_b = identity + tf.zeros_like(displacements[:, :3, 0, :3])
        return _fit(displacements, a_from_b, patch_size=self.patch_size)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), "patch_size": self.patch_size}
