"""Models of motion between two images, from a translation to a homography.

Where fewer numbers explain the motion, fewer have to be estimated: a scanner's pages, a
microscope's tiles, an orthophoto. The names are those of `cv2.findTransformECC`'s models, with a
similarity.
"""

import enum

import numpy as np
import numpy.typing as npt

from keras_homography.geometry import arrays
from keras_homography.utils.errors import UserError

_GRID = 9  # points along each side of B
_MIN_SHARED = 6  # of these, seen by A


class Motion(enum.StrEnum):
    """A model of motion; each equals its value, as `"similarity"`."""

    TRANSLATION = "translation"
    SIMILARITY = "similarity"
    AFFINE = "affine"
    HOMOGRAPHY = "homography"


# Which steps of Lucas–Kanade stay within a model: a step moves (x, y) by
# (s0 x + s1 y + s2, s3 x + s4 y + s5), and s6 and s7 are perspective.
_STEPS = {
    Motion.TRANSLATION: np.eye(8)[[2, 5]],
    Motion.SIMILARITY: np.array(
        [
            [1.0, 0, 0, 0, 1, 0, 0, 0],
            [0, -1, 0, 1, 0, 0, 0, 0],
            [0, 0, 1, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 1, 0, 0],
        ]
    ),
    Motion.AFFINE: np.eye(8)[:6],
}


def check(motion: str) -> Motion:
    """Return a model by its name.

    Args:
      motion: "translation", "similarity", "affine" or "homography".

    Raises:
      UserError: there is no such model.
    """
    try:
        return Motion(motion)
    except ValueError:
        raise UserError(f"There is no motion {motion!r}; there are {', '.join(Motion)}.") from None


def possible_steps(motion: Motion) -> npt.NDArray[np.float64] | None:
    """Return the steps of Lucas–Kanade that stay within a model.

    Args:
      motion: the model.

    Returns:
      float64 `[8, k]`; None for a homography, whose steps are free.
    """
    return _STEPS[motion].T if motion in _STEPS else None


def fit(motion: Motion, source: np.ndarray, target: np.ndarray) -> npt.NDArray[np.float64]:
    """Fit a model to matched points, by least squares.

    Args:
      motion: the model, not a homography.
      source: `[n, 2]`, n at least 3.
      target: `[n, 2]`.

    Returns:
      `target_from_source`, float64 `[3, 3]`.
    """
    mean_source, mean_target = source.mean(axis=0), target.mean(axis=0)
    x, y = (source - mean_source).T
    moved = target - mean_target
    linear = np.eye(2)
    if motion is Motion.SIMILARITY:
        left = np.column_stack([np.concatenate([x, y]), np.concatenate([-y, x])])
        a, b = np.linalg.lstsq(left, moved.T.ravel(), rcond=None)[0]
        linear = np.array([[a, -b], [b, a]])
    elif motion is Motion.AFFINE:
        linear = np.linalg.lstsq(np.column_stack([x, y]), moved, rcond=None)[0].T
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = linear, mean_target - linear @ mean_source
    return matrix


def project(
    motion: Motion,
    a_from_b: npt.NDArray[np.float64],
    size_a: tuple[int, int],
    size_b: tuple[int, int],
) -> npt.NDArray[np.float64]:
    """Replace a homography by the nearest matrix of a model, over what both images show.

    Args:
      motion: the model.
      a_from_b: `[3, 3]`, pixels.
      size_a: `(width, height)` of A.
      size_b: `(width, height)` of B.

    Returns:
      float64 `[3, 3]`; for a homography, or where hardly anything is shared, as it was.
    """
    if motion is Motion.HOMOGRAPHY:
        return a_from_b
    points = arrays.grid(size_b, _GRID)
    moved = arrays.transform_points(a_from_b, points)
    shared = ((moved > 0) & (moved < size_a)).all(axis=1)
    if shared.sum() < _MIN_SHARED:
        return a_from_b
    return fit(motion, points[shared], moved[shared])
