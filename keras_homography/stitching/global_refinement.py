"""Refine what all photos share at once: the least squares behind homographies and cameras."""

from typing import Protocol

import numpy as np
import scipy.optimize
import scipy.sparse

from keras_homography.geometry import arrays
from keras_homography.stitching.photo_graph import Link

_SCALE = 1.0  # pixels: residuals beyond count less than their square
# The first has one minimum, wherever it begins; the second forgets what is wrong.
_LOSSES = ("soft_l1", "cauchy")
_MAX_EVALUATIONS = 100
_TOLERANCE = 1e-7  # relative, of the cost and of the parameters
_MAX_DENSE = 120  # parameters: beyond, the steps are found by iterations
_STEP = 1e-6  # of a parameter, in differences
_MIN_DEPTH = 1e-3  # no point is behind a camera


class Model(Protocol):
    """How the homographies of all pairs follow from some numbers, all 0 before refinement."""

    @property
    def size(self) -> int:
        """Number of parameters."""
        ...

    def columns(self, link: Link) -> np.ndarray:
        """Return the indices of the parameters that the homography of a pair depends on."""
        ...

    def a_from_b(self, link: Link, parameters: np.ndarray) -> np.ndarray:
        """Return the homography of a pair, `[3, 3]`, of any scale above 0.

        Args:
          link: the pair.
          parameters: float64, those of `columns(link)`.
        """
        ...


def solve(model: Model, links: list[Link]) -> np.ndarray:
    """Find the parameters under which the matched points of all pairs meet best.

    Args:
      model: of the parameters.
      links: pairs of photos, with matched points.

    Returns:
      Float64 `[model.size]`.
    """
    columns = [model.columns(link) for link in links]

    def residuals(parameters: np.ndarray) -> np.ndarray:
        parts = [
            _residuals(link, model.a_from_b(link, parameters[chosen]))
            for link, chosen in zip(links, columns, strict=True)
        ]
        return np.concatenate(parts)

    is_small = model.size <= _MAX_DENSE

    def jacobian(parameters: np.ndarray) -> scipy.sparse.csr_array | np.ndarray:
        # A pair depends on a few parameters: differences of those alone, not of all.
        values, rows, places, begin = [], [], [], 0
        for link, chosen in zip(links, columns, strict=True):
            for number, column in enumerate(chosen):
                step = np.zeros(len(chosen))
                step[number] = _STEP
                ahead, behind = (
                    _residuals(link, model.a_from_b(link, parameters[chosen] + sign * step))
                    for sign in (1.0, -1.0)
                )
                values.append((ahead - behind) / (2.0 * _STEP))
                rows.append(np.arange(begin, begin + len(ahead)))
                places.append(np.full(len(ahead), column))
            begin += 2 * len(link.points_a)
        entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(places))
        matrix = scipy.sparse.csr_array(entries, shape=(begin, model.size))
        return matrix.toarray() if is_small else matrix

    parameters = np.zeros(model.size)
    for loss in _LOSSES:
        parameters = scipy.optimize.least_squares(
            residuals,
            parameters,
            jac=jacobian,
            loss=loss,
            f_scale=_SCALE,
            x_scale="jac",
            tr_solver="exact" if is_small else "lsmr",
            ftol=_TOLERANCE,
            xtol=_TOLERANCE,
            max_nfev=_MAX_EVALUATIONS,
        ).x
    return parameters


def median_residual(link: Link, a_from_b: np.ndarray) -> float:
    """Return the median distance of the matched points of a pair, pixels of A.

    Args:
      link: the pair.
      a_from_b: `[3, 3]`.
    """
    moved = arrays.transform_points(a_from_b / np.abs(a_from_b[2, 2]), link.points_b)
    return float(np.median(np.linalg.norm(moved - link.points_a, axis=1)))


def _residuals(link: Link, a_from_b: np.ndarray) -> np.ndarray:
    moved = link.points_b @ a_from_b[:, :2].T + a_from_b[:, 2]
    depth = np.maximum(moved[:, 2:] / a_from_b[2, 2], _MIN_DEPTH) * a_from_b[2, 2]
    return (moved[:, :2] / depth - link.points_a).ravel()
