"""Small systems of linear equations in operations that convert to TFLite: `tf.linalg` does not."""

import numpy as np
import tensorflow as tf


def solve(matrix, right):
    """Solves `matrix @ x = right` for symmetric positive definite matrices.

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


def solve_damped(normal, right, damping):
    """`solve` with damping added to the diagonal, relative to its mean (Levenberg 1944); above 0,
    so that there always is an answer."""
    size = normal.shape[-1]
    identity = np.eye(size, dtype=np.float32)
    # Not tf.linalg.diag_part: it needs Flex in TFLite.
    trace = tf.reduce_sum(normal * identity, axis=[1, 2], keepdims=True)
    return solve(normal + (damping / size * trace + 1e-9) * identity, right)


def fit(equations, damping):
    """The step that explains residuals best, in the sense of least squares.

    Args:
      equations: float32 `[n, m + 1, equations]`: the derivatives of each by the m unknowns, then
        its residual, all multiplied by the root of its weight. One row an unknown, as that is
        faster to make; residuals among them, as one matrix product then finds all sums.
      damping: see `solve_damped`.

    Returns:
      float32 `[n, m, 1]`, the `x` that minimizes `|derivativesᵀ x - residuals|²` plus the damping.
    """
    size = equations.shape[1] - 1
    sums = tf.matmul(equations, equations, transpose_b=True)
    normal = tf.slice(sums, [0, 0, 0], [-1, size, size])
    return solve_damped(normal, tf.slice(sums, [0, 0, size], [-1, size, 1]), damping)
