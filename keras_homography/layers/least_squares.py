"""Small linear systems and least squares in ops that convert to TFLite, as `tf.linalg`'s do not."""

import numpy as np
import tensorflow as tf

from keras_homography.geometry.lucas_kanade_constants import MIN_DAMPING


def solve(matrix: tf.Tensor, right: tf.Tensor) -> tf.Tensor:
    """Solve `matrix @ x = right` for symmetric positive definite matrices.

    Gauss–Jordan elimination, unrolled: without pivoting, which such matrices do not need.

    Args:
      matrix: float32 `[n, m, m]`, symmetric positive definite; m is static and small.
      right: float32 `[n, m, 1]`.

    Returns:
      float32 `[n, m, 1]`; differentiable in both.
    """
    size = matrix.shape[-1]
    system = tf.concat([matrix, right], axis=-1)
    for k in range(size):
        pivot = np.eye(size, dtype=np.float32)[None, :, k : k + 1]
        pivot_row = tf.slice(system, [0, k, 0], [-1, 1, -1])
        pivot_row /= tf.slice(pivot_row, [0, 0, k], [-1, 1, 1])
        # The pivot's own row is replaced, not updated: that would cancel all its digits.
        system *= 1.0 - pivot
        system += (pivot - tf.slice(system, [0, 0, k], [-1, -1, 1])) * pivot_row
    return tf.slice(system, [0, 0, size], [-1, -1, 1])


def solve_damped(normal: tf.Tensor, right: tf.Tensor, damping: float) -> tf.Tensor:
    """Solve normal equations with damping on the diagonal (Levenberg 1944).

    Args:
      normal: float32 `[n, m, m]`, symmetric positive semidefinite.
      right: float32 `[n, m, 1]`.
      damping: relative to the mean of the diagonal; above 0, so that there always is a solution.

    Returns:
      float32 `[n, m, 1]`.
    """
    size = normal.shape[-1]
    identity = np.eye(size, dtype=np.float32)
    # Not tf.linalg.diag_part: it needs Flex in TFLite.
    trace = tf.reduce_sum(normal * identity, axis=[1, 2], keepdims=True)
    return solve(normal + (damping / size * trace + MIN_DAMPING) * identity, right)


def fit(equations: tf.Tensor, damping: float) -> tf.Tensor:
    """Solve linear least squares.

    Args:
      equations: float32 `[n, m + 1, count]`: for each equation the coefficients of the m unknowns,
        then its right side, all multiplied by the root of its weight. One row an unknown, as that
        is faster to make; with the right sides among them, as one matrix product then finds all
        sums.
      damping: as of `solve_damped`.

    Returns:
      float32 `[n, m, 1]`, the `x` that minimizes `|coefficientsᵀ x - right|²` plus the damping.
    """
    size = equations.shape[1] - 1
    sums = tf.matmul(equations, equations, transpose_b=True)
    normal = tf.slice(sums, [0, 0, 0], [-1, size, size])
    return solve_damped(normal, tf.slice(sums, [0, 0, size], [-1, size, 1]), damping)
