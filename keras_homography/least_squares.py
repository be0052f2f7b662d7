"""Small systems of linear equations in operations that convert to TFLite: `tf.linalg` does not."""

import numpy as np
import tensorflow as tf


def solve(matrix, right):
    """Solves `matrix @ x = right` for symmetric positive definite matrices.

    Gauss–Jordan elimination, unrolled: without pivoting, which such matrices do not need.

    Args:
      matrix: float32 `[n, m, m]`, symmetric positive definite; m is static and small.
      right: float32 `[n, m]`.

    Returns:
      float32 `[n, m]`; differentiable in both.
    """
    size = matrix.shape[-1]
    system = tf.concat([matrix, right[..., None]], axis=-1)
    for k in range(size):
        pivot = np.eye(size, dtype=np.float32)[None, :, k : k + 1]
        pivot_row = tf.slice(system, [0, k, 0], [-1, 1, -1])
        pivot_row /= tf.slice(pivot_row, [0, 0, k], [-1, 1, 1])
        # The pivot's own row is replaced, not updated: that would cancel all its digits.
        system *= 1.0 - pivot
        system += (pivot - tf.slice(system, [0, 0, k], [-1, -1, 1])) * pivot_row
    return system[..., size]


def fit(jacobian, residual, damping):
    """The step that explains residuals best, in the sense of least squares.

    Args:
      jacobian: float32 `[n, m, equations]`, transposed as it is faster to make, each equation
        multiplied by the root of its weight.
      residual: float32 `[n, equations]`, likewise.
      damping: added to the diagonal relative to its mean; above 0, so that there always is an
        answer (Levenberg 1944).

    Returns:
      float32 `[n, m]`, the `x` that minimises `|jacobianᵀ x - residual|²` plus the damping.
    """
    size = jacobian.shape[1]
    normal = tf.matmul(jacobian, jacobian, transpose_b=True)
    right = tf.matmul(jacobian, residual[..., None])[..., 0]
    identity = np.eye(size, dtype=np.float32)
    # Not tf.linalg.diag_part: it needs Flex in TFLite.
    trace = tf.reduce_sum(normal * identity, axis=[-2, -1], keepdims=True)
    return solve(normal + (damping * trace / size + 1e-9) * identity, right)
