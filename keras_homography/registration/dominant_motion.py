"""The motion of most of an image, where parts of it move otherwise.

Lucas–Kanade weighs pixels by their residuals, so that a thing with much texture that moves a little
otherwise than the rest draws the homography to itself. Here each cell of the image has one vote:
where its own pixels want to go. Pixels of cells that go elsewhere than most do not count.
"""

import numpy as np
import numpy.typing as npt

from keras_homography.geometry import arrays
from keras_homography.registration import feature_matching, lucas_kanade
from keras_homography.registration.lucas_kanade_level import Floats, Level

_COLUMNS, _ROWS = 24, 18  # cells of B
_THRESHOLD = 0.5  # pixels of the level, of a cell that follows the homography
_LEAST_SQUARES_FITS = 4
_MIN_CELLS = 20
_MIN_GRADIENT = 2.0  # gray levels a pixel, mean over a cell, along its weaker direction
_MAX_MOVE = 4.0  # pixels: beyond, a linear fit means nothing


def find_followers(level: Level, a_from_b: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_] | None:
    """Find which cells of B follow the motion of most of them.

    Args:
      level: the images.
      a_from_b: `[3, 3]`, pixels of the level, a few pixels off at most.

    Returns:
      bool `[cells]`: not those that move otherwise; None if too few agree on a motion.
    """
    moves, votes = _cell_moves(level, a_from_b)
    size = arrays.image_size(level.gray_b)
    x, y = np.meshgrid(np.arange(_COLUMNS) + 0.5, np.arange(_ROWS) + 0.5)
    centers = np.stack([x.ravel(), y.ravel()], axis=1) * size / (_COLUMNS, _ROWS) - 0.5
    source, target = (points[votes].astype(np.float32) for points in (centers, centers + moves))
    correction, agree = feature_matching.fit_homography(source, target, _THRESHOLD)
    # MAGSAC++ weighs in cells beyond the threshold; what agrees is fitted alone.
    for _ in range(_LEAST_SQUARES_FITS):
        if correction is None or agree.sum() < _MIN_CELLS:
            return None
        correction = feature_matching.find_homography(source[agree], target[agree])
        if correction is not None:
            misses = arrays.transform_points(correction, source) - target
            agree = np.linalg.norm(misses, axis=1) < _THRESHOLD
    follows = np.ones(_COLUMNS * _ROWS, bool)
    follows[votes] = agree
    # A cell that goes too far to tell where follows nothing either.
    follows[(np.abs(moves) > _MAX_MOVE).any(axis=1)] = False
    return follows


def cells(level: Level) -> npt.NDArray[np.int64]:
    """The cell of B that each of its points lies in, `[points]`."""
    width, height = arrays.image_size(level.gray_b)
    x = level.x * level.half + (width - 1) / 2
    y = level.y * level.half + (height - 1) / 2
    column = np.minimum(x * (_COLUMNS / width), _COLUMNS - 1).astype(np.int64)
    row = np.minimum(y * (_ROWS / height), _ROWS - 1).astype(np.int64)
    return row * _COLUMNS + column


def _cell_moves(
    level: Level, a_from_b: npt.NDArray[np.float64]
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Where each cell goes by itself, by least squares.

    Returns:
      `(moves, votes)`: float64 `[cells, 2]`, pixels of B, 0 where unknown; bool `[cells]`, which
      cells have texture in both directions and go nowhere far.
    """
    x, y, residual, usable = lucas_kanade.Comparison(level, a_from_b).local_equations()
    cell = cells(level)

    def total(values: Floats) -> Floats:
        return np.bincount(cell, usable * values, _COLUMNS * _ROWS).astype(np.float64)

    xx, xy, yy = total(x * x), total(x * y), total(y * y)
    xr, yr, count = total(x * residual), total(y * residual), total(np.ones_like(x))
    weaker = 0.5 * (xx + yy) - np.hypot(0.5 * (xx - yy), xy)  # the smaller eigenvalue
    known = weaker > _MIN_GRADIENT**2 * np.maximum(count, 1.0)
    determinant = np.where(known, xx * yy - xy * xy, 1.0)
    moves = np.stack([yy * xr - xy * yr, xx * yr - xy * xr], axis=1) / determinant[:, None]
    moves[~known] = 0.0
    return moves, known & (np.abs(moves) <= _MAX_MOVE).all(axis=1)
