"""How exact a homography is: the covariance of the corners of B in A.

The homography is a least-squares fit, so its covariance follows from the normal equations and the
residuals. Four things keep that from being too optimistic:

* Residuals of neighboring pixels, of warped, blurred or compressed images, are correlated. Their
  sums over tiles of B hardly are: the variance is that of the sums (cluster-robust, with a
  correction for the leverage of a tile: Bell and McCaffrey 2002).
* Noise is a gradient, too. In the products of gradients of A with those of B, whose noise is
  independent, it averages out; squares of their mean would count it as information.
* Where a few tiles hold all the texture, their variance is poorly known: the covariance is
  multiplied by `m / (m - 9)`, as for Hotelling's T² of 8 numbers, m the effective number of tiles.

* The tone curve is a model. The change that three more coefficients of it would make is added.

It holds if the homography is right, which is what the confidence is about.
"""

from typing import NamedTuple

import numpy as np

from keras_homography.geometry import arrays
from keras_homography.geometry.lucas_kanade_constants import NUM_STEPS
from keras_homography.registration import (
    image_pyramid,
    lucas_kanade,
    lucas_kanade_level,
    match_evidence,
    motion_models,
)
from keras_homography.registration.candidate import Candidate

_TILES = 12  # along each side of B, whose residuals count as independent
_MIN_EFFECTIVE_TILES = 1.0  # beyond the nine that the correction takes
_DAMPING = 1e-9
# Of covariances, so that the mean normalized squared error of rendered pairs is that of chi-square.
# Pixels that are farther apart agree less by chance alone.
_PIXEL_FACTOR, _SPACING_POWER, _MATCH_FACTOR = 0.55, 0.4, 0.65


class _Equations(NamedTuple):
    """Linear equations of a step of the homography, one of a pixel or of a coordinate of a match.

    Attributes:
      left: float64 `[k, n]`; the first eight unknowns are the step, in units of B.
      left_other: the same with independent noise.
      right: float64 `[n]`.
      weights: float64 `[n]`.
      curvature: float64 `[n]`, by how much the weighted right side changes with `right`.
      begins: where each tile of B begins: the equations are in the order of tiles.
      factor: of the covariance, calibrated on rendered pairs.
    """

    left: np.ndarray
    left_other: np.ndarray
    right: np.ndarray
    weights: np.ndarray
    curvature: np.ndarray
    begins: np.ndarray
    factor: float


def corner_covariance(pair: image_pyramid.ImagePair, candidate: Candidate) -> np.ndarray | None:
    """Compute the covariance of the corners of B in A.

    Args:
      pair: the images.
      candidate: the homography between them.

    Returns:
      float64 `[8, 8]`, pixels² of A, of `(x, y)` of the corners of B in the order of
      `arrays.corners`; None without a homography, or where the images do not determine it.
    """
    if candidate.a_from_b is None:
        return None
    if candidate.is_refined_by_gray:
        level, _ = pair.at(candidate.a_from_b, 0)
        equations = _of_pixels(level, pair, candidate.a_from_b)
        unit_from_b = level.unit_from_pixel @ arrays.resizing(
            pair.size_b, arrays.image_size(level.gray_b)
        )
    elif candidate.aligned is not None:
        equations, unit_from_b = _of_matches(candidate.aligned)
    else:
        return None
    possible_steps = motion_models.possible_steps(pair.motion)
    if possible_steps is None:
        possible_steps = np.eye(NUM_STEPS)
    else:
        equations = _within(equations, possible_steps)
    step = _step_covariance(equations, possible_steps.shape[1])
    if step is None:
        return None
    step = possible_steps @ step @ possible_steps.T
    jacobian = _corners_of_step(candidate.a_from_b, unit_from_b, pair.size_b)
    covariance = jacobian @ step @ jacobian.T
    return covariance if np.isfinite(covariance).all() else None


def _of_pixels(
    level: lucas_kanade.Level, pair: image_pyramid.ImagePair, a_from_b: np.ndarray
) -> _Equations:
    _, level_a_from_b = pair.at(a_from_b, 0)
    of_a, of_b, right, weights, curvature = lucas_kanade.Comparison(
        level, level_a_from_b
    ).linearize()
    used = np.flatnonzero(weights)
    order, begins = _tiles(level.x[used], level.y[used])
    used = used[order]
    spacing = np.sqrt(level.gray_b.size / len(level.x))
    return _Equations(
        *(of_a.take(used, axis=1), of_b.take(used, axis=1)),
        *(right[used], weights[used], curvature[used], begins),
        _PIXEL_FACTOR * spacing**_SPACING_POWER,
    )


def _of_matches(aligned: match_evidence.AlignedMatches) -> tuple[_Equations, np.ndarray]:
    """Equations of the matches that agree; and the matrix from pixels of B to units."""
    view = aligned.view
    unit_from_view = lucas_kanade_level.unit_from_pixel(arrays.image_size(view.gray))
    moved = (aligned.matches.points_a - aligned.matches.points_b).astype(np.float64)
    agree = aligned.agreeing
    x, y = arrays.transform_points(unit_from_view, aligned.matches.points_b[agree]).T
    pixels_per_unit = 1.0 / unit_from_view[0, 0]
    order, begins = _tiles(*np.tile([x, y], 2))
    left = pixels_per_unit * np.concatenate(_moves(x, y), axis=1)[:, order]
    right = moved[agree].T.ravel()[order]
    ones = np.ones_like(right)
    equations = _Equations(left, left, right, ones, ones, begins, _MATCH_FACTOR)
    return equations, unit_from_view @ view.view_from_image


def _moves(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far a step moves points along x and along y: two float64 `[8, n]`, in units."""
    zero, one = np.zeros_like(x), np.ones_like(x)
    return (
        np.stack([x, y, one, zero, zero, zero, -x * x, -x * y]),
        np.stack([zero, zero, zero, x, y, one, -x * y, -y * y]),
    )


def _within(equations: _Equations, possible_steps: np.ndarray) -> _Equations:
    """Equations of sums of possible steps, float64 `[8, k]`, in the place of eight unknowns."""
    left, other = (
        np.concatenate([possible_steps.T @ side[:NUM_STEPS], side[NUM_STEPS:]])
        for side in (equations.left, equations.left_other)
    )
    return equations._replace(left=left, left_other=other)


def _step_covariance(equations: _Equations, size: int) -> np.ndarray | None:
    """Covariance of the step's first unknowns; None if the equations do not determine them."""
    left, other, begins = equations.left, equations.left_other, equations.begins
    count = len(equations.right)
    if count < len(left):
        return None
    mean = 0.5 * (left + other)
    weighted = mean * equations.weights
    weighted_normal = weighted @ mean.T
    try:
        solution = np.linalg.solve(weighted_normal, weighted @ equations.right)
    except np.linalg.LinAlgError:
        return None
    residual = equations.right - solution @ mean
    scores = np.add.reduceat(weighted * residual, begins, axis=1).T
    left = left * equations.curvature
    normal = np.stack(
        [
            left[:, begin:end] @ other[:, begin:end].T
            for begin, end in zip(begins, [*begins[1:], count], strict=True)
        ]
    )
    normal = 0.5 * (normal + normal.transpose(0, 2, 1))
    total = normal.sum(axis=0)
    try:
        # Leaving a tile out shows too large a change, and the sum of its residuals too small a one.
        changes = (
            0.5
            * (
                np.linalg.solve(total - normal, scores[..., None])[..., 0]
                + np.linalg.solve(total, scores.T).T
            )[:, :size]
        )
        leverage = np.trace(np.linalg.solve(total, normal), axis1=1, axis2=2)
    except np.linalg.LinAlgError:
        return None
    effective = leverage.sum() ** 2 / np.square(leverage).sum()
    correction = effective / max(effective - 9.0, _MIN_EFFECTIVE_TILES)
    changes -= changes.mean(axis=0)
    covariance = equations.factor * correction * changes.T @ changes
    if len(left) > size:
        change = _change_by_tones(equations, mean, weighted, weighted_normal, residual, size)
        covariance += np.outer(change, change)
    return covariance


def _change_by_tones(
    equations: _Equations,
    mean: np.ndarray,
    weighted: np.ndarray,
    weighted_normal: np.ndarray,
    residual: np.ndarray,
    size: int,
) -> np.ndarray:
    """How a step changes if the tone curve has three coefficients more, float64 `[size]`."""
    offset, slope = mean[size : size + 2]
    z = slope / offset
    more = np.stack([slope * z * z, slope * z * z * z, slope * (z * z) * (z * z)])
    shared, weighted_more = weighted @ more.T, equations.weights * more
    normal = np.block([[weighted_normal, shared], [shared.T, weighted_more @ more.T]])
    normal += _DAMPING * np.trace(normal) / len(normal) * np.eye(len(normal))
    right = np.concatenate([weighted @ residual, weighted_more @ residual])
    return np.linalg.solve(normal, right)[:size]


def _tiles(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order points by tile; where in that order each tile begins."""
    if len(x) == 0:
        return np.zeros(0, int), np.zeros(0, int)
    column, row = (
        np.minimum(
            (_TILES * (along - along.min()) / (np.ptp(along) + 1e-9)).astype(int), _TILES - 1
        )
        for along in (x, y)
    )
    tile = row * _TILES + column
    order = np.argsort(tile, kind="stable")
    return order, np.flatnonzero(np.diff(tile[order], prepend=-1))


def _corners_of_step(
    a_from_b: np.ndarray, unit_from_b: np.ndarray, size_b: tuple[int, int]
) -> np.ndarray:
    """How the corners of B in A, `(x, y)` of each, move with a step: float64 `[8, 8]`."""
    corners = arrays.corners(size_b)
    moves = np.stack(_moves(*arrays.transform_points(unit_from_b, corners).T))  # [2, 8, 4]
    in_b = np.einsum("ij,jkn->nik", np.linalg.inv(unit_from_b[:2, :2]), moves)
    u, v = arrays.transform_points(a_from_b, corners).T
    depth = np.column_stack([corners, np.ones(4)]) @ a_from_b[2]
    along = np.stack(
        [
            a_from_b[0, :2] - u[:, None] * a_from_b[2, :2],
            a_from_b[1, :2] - v[:, None] * a_from_b[2, :2],
        ],
        axis=1,
    )  # [corner, 2, 2]
    return ((along / depth[:, None, None]) @ in_b).reshape(8, 8)
