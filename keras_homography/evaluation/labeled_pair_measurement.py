"""Measure estimators on real pairs of images with ground truth: protocol `pairs`."""

import hashlib
import time
from collections import Counter
from collections.abc import Sequence

import cv2
import keras
import numpy as np

from keras_homography.data.labeled_pairs import LabeledPair
from keras_homography.evaluation.config import PARTS
from keras_homography.evaluation.image_estimators import ImageEstimator
from keras_homography.evaluation.image_results import Outcome
from keras_homography.geometry import arrays
from keras_homography.utils import image_input
from keras_homography.utils.errors import UserError

_GRID = 5  # points a side, of a pair whose truth is a matrix
_OUTSIDE = 0.2  # of the size of B, by which a point may lie outside


def select(
    pairs: Sequence[LabeledPair], pairs_per_kind: int | None = None, part: str | None = None
) -> list[LabeledPair]:
    """Select pairs: a half by a hash of the name, and the first of each kind.

    Args:
      pairs: in order of their names.
      pairs_per_kind: maximum; None for all.
      part: "tune", "report", or None for both halves.
    """
    selected, of_kind = [], Counter[str]()
    for pair in pairs:
        half = hashlib.sha256(pair.name.encode()).digest()[0] % 2
        if part is not None and PARTS[half] != part:
            continue
        if pairs_per_kind is None or of_kind[pair.kind] < pairs_per_kind:
            of_kind[pair.kind] += 1
            selected.append(pair)
    return selected


def _resize(image: np.ndarray, short_side: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Resize an image to a length of its shorter side: `(resized, resized_from_image)`."""
    width, height = arrays.image_size(image)
    if short_side is None:
        return image, np.eye(3)
    scale = short_side / min(width, height)
    size = round(width * scale), round(height * scale)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(image, size, interpolation=method)
    return resized, arrays.resizing((width, height), size)


def true_points(
    pair: LabeledPair, size_a: tuple[int, int], size_b: tuple[int, int], error: str = "points"
) -> tuple[np.ndarray, np.ndarray]:
    """Find corresponding points of a pair.

    Args:
      pair: with its truth.
      size_a: `(width, height)` of A, pixels.
      size_b: of B.
      error: "points": those of the truth, or of a matrix a 5x5 grid of A where B shows it, up to
        20 % outside; "corners": the corners of A, as HPatches is usually reported.

    Returns:
      `(points_a, points_b)`, float64 `[n, 2]`, pixels.

    Raises:
      UserError: B shows nothing of A, or corners are asked for where only points are known.
    """
    if pair.points is not None:
        if error == "corners":
            raise UserError("the corners of A are unknown: the truth is points")
        return pair.points[:, :2], pair.points[:, 2:]
    assert pair.b_from_a is not None
    if error == "corners":
        points_a = arrays.corners(size_a)
        return points_a, arrays.transform_points(pair.b_from_a, points_a)
    sides = [np.linspace(0, side - 1, _GRID) for side in size_a]
    points_a = np.stack(np.meshgrid(*sides), axis=-1).reshape(-1, 2)
    homogeneous = np.column_stack([points_a, np.ones(len(points_a))]) @ pair.b_from_a.T
    points_b = arrays.transform_points(pair.b_from_a * np.sign(homogeneous[:, 2].mean()), points_a)
    margin = _OUTSIDE * np.array(size_b)
    shown = (points_b >= -margin).all(axis=1) & (points_b <= np.array(size_b) + margin).all(axis=1)
    if not shown.any():
        raise UserError("B shows nothing of A by the given truth")
    return points_a[shown], points_b[shown]


def transfer_error(
    b_from_a: np.ndarray | None, points_a: np.ndarray, points_b: np.ndarray
) -> float:
    """Mean distance between points of A, transformed, and the true points of B, pixels of B.

    Args:
      b_from_a: `[3, 3]`, of either sign; None has an infinite error.
      points_a: `[n, 2]`.
      points_b: `[n, 2]`.
    """
    if b_from_a is None or not np.isfinite(b_from_a).all():
        return np.inf
    u, v, depth = (np.column_stack([points_a, np.ones(len(points_a))]) @ b_from_a.T).T
    if depth.min() * depth.max() <= 0:  # the horizon lies between the points
        return np.inf
    moved = np.stack([u / depth, v / depth], axis=1)
    return float(np.linalg.norm(moved - points_b, axis=1).mean())


def read(
    pair: LabeledPair, short_side: int | None = None, error: str = "points"
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Read a pair: `(image_a, image_b, points_a, points_b)`, after resizing.

    Args:
      pair: of `labeled_pairs.find_labeled_pairs`.
      short_side: see `measure`.
      error: see `true_points`.

    Raises:
      UserError: an image cannot be read, or see `true_points`.
    """
    image_a, image_b = (image_input.read_image(path) for path in (pair.path_a, pair.path_b))
    sizes = arrays.image_size(image_a), arrays.image_size(image_b)
    points_a, points_b = true_points(pair, *sizes, error)
    image_a, resized_a = _resize(image_a, short_side)
    image_b, resized_b = _resize(image_b, short_side)
    return (
        image_a,
        image_b,
        arrays.transform_points(resized_a, points_a),
        arrays.transform_points(resized_b, points_b),
    )


def measure(
    estimators: Sequence[ImageEstimator],
    pairs: Sequence[LabeledPair],
    short_side: int | None = None,
    error: str = "points",
) -> tuple[list[Outcome], dict[str, str]]:
    """Run every estimator on every pair, with a progress bar.

    Args:
      estimators: of `image_estimators.open_image_estimators`.
      pairs: of `select`.
      short_side: to which images are resized, pixels; None for their own size.
      error: see `true_points`.

    Returns:
      `(outcomes, skipped)`: an outcome for every estimator and pair; `{name: reason}` of the pairs
      that cannot be read.
    """
    outcomes: list[Outcome] = []
    skipped: dict[str, str] = {}
    progress = keras.utils.Progbar(len(pairs), unit_name="pair")
    for pair in pairs:
        try:
            image_a, image_b, points_a, points_b = read(pair, short_side, error)
        except UserError as problem:
            skipped[pair.name] = str(problem)
            continue
        for estimator in estimators:
            begin = time.perf_counter()
            answer = estimator.estimate(image_a, image_b)
            milliseconds = 1e3 * (time.perf_counter() - begin)
            pixels = transfer_error(answer.b_from_a, points_a, points_b)
            outcomes.append(
                Outcome(estimator.name, pair.kind, pair.name, answer, pixels, milliseconds)
            )
        progress.add(1)
    return outcomes, skipped
