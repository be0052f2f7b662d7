"""Match the dense features of two images: mutual nearest cells, then positions within a cell."""

import dataclasses

import numpy as np

from keras_homography.models.matcher_grid import COARSE_STRIDE, FINE_STRIDE, WINDOW
from keras_homography.utils.blas_threads import single_blas_thread

_MAX_CELLS = 2000  # of an image that are matched: the most reliable
_BLOCK = 256  # features that are compared at once


@dataclasses.dataclass(frozen=True, eq=False)
class Features:
    """What the matcher says about an image.

    Attributes:
      coarse: float32 `[rows, columns, c]`, one a cell of 8x8 pixels.
      fine: float32 `[2 * rows, 2 * columns, d]`.
      reliability: float32 `[rows, columns]`, 0 to 1; 0 where a cell does not show the image.
    """

    coarse: np.ndarray
    fine: np.ndarray
    reliability: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Matches:
    """Matched points of two images.

    Attributes:
      points_a: float32 `[n, 2]`, pixels.
      points_b: float32 `[n, 2]`, pixels.
      scores: float32 `[n]`, 0 to 1: how reliable both features are.
    """

    points_a: np.ndarray
    points_b: np.ndarray
    scores: np.ndarray

    def where(self, chosen: np.ndarray) -> "Matches":
        """Return some of the matches: those of a mask, bool `[n]`, or of indices."""
        return Matches(self.points_a[chosen], self.points_b[chosen], self.scores[chosen])


def match(a: Features, b: Features) -> Matches:
    """Match the cells of two images that are each other's most similar.

    Args:
      a: features of image A.
      b: features of image B.

    Returns:
      The matches, in pixels of the images that the features were computed from. Points of A are
      centers of cells; those of B are placed by fine features.
    """
    reliable_a, reliable_b = _most_reliable(a), _most_reliable(b)
    if not len(reliable_a) or not len(reliable_b):
        nowhere = np.empty([0, 2], np.float32)
        return Matches(nowhere, nowhere, np.empty(0, np.float32))
    chosen_a, chosen_b = _find_mutual_nearest(
        a.coarse.reshape(-1, a.coarse.shape[-1])[reliable_a],
        b.coarse.reshape(-1, b.coarse.shape[-1])[reliable_b],
    )
    cells_a, cells_b = reliable_a[chosen_a], reliable_b[chosen_b]
    points_a = _centers(cells_a, a.coarse.shape[1])
    points_b = _centers(cells_b, b.coarse.shape[1]) + _offsets(a, b, cells_a, cells_b)
    scores = a.reliability.ravel()[cells_a] * b.reliability.ravel()[cells_b]
    return Matches(points_a, points_b.astype(np.float32), scores)


def _most_reliable(features: Features) -> np.ndarray:
    """Indices of the cells that are matched, in order; never of cells that show nothing."""
    reliability = features.reliability.ravel()
    cells = np.flatnonzero(reliability > 0)
    if len(cells) <= _MAX_CELLS:
        return cells
    return np.sort(cells[np.argpartition(-reliability[cells], _MAX_CELLS)[:_MAX_CELLS]])


def _find_mutual_nearest(
    features_a: np.ndarray, features_b: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the features that are each other's most similar, `(of_a, of_b)`, int `[n]`."""
    nearest_b = np.empty(len(features_a), int)
    similarity_a = np.empty(len(features_a), np.float32)
    similarity_b = np.full(len(features_b), -np.inf, np.float32)
    # Each product serves both directions: the largest of a column is found without its place.
    for begin in range(0, len(features_a), _BLOCK):
        with single_blas_thread():
            block = features_a[begin : begin + _BLOCK] @ features_b.T
        nearest = block.argmax(axis=1)
        nearest_b[begin : begin + _BLOCK] = nearest
        similarity_a[begin : begin + _BLOCK] = block[np.arange(len(block)), nearest]
        np.maximum(similarity_b, block.max(axis=0), out=similarity_b)
    mutual = np.flatnonzero(similarity_a == similarity_b[nearest_b])
    _, first = np.unique(nearest_b[mutual], return_index=True)  # of equally similar ones
    mutual = mutual[np.sort(first)]
    return mutual, nearest_b[mutual]


def _centers(cells: np.ndarray, columns: int) -> np.ndarray:
    """Centers of cells, float32 `[n, 2]`, pixels."""
    place = np.stack([cells % columns, cells // columns], axis=-1).astype(np.float32)
    return (place + 0.5) * COARSE_STRIDE - 0.5


def _offsets(a: Features, b: Features, cells_a: np.ndarray, cells_b: np.ndarray) -> np.ndarray:
    """Expected positions in windows around the cells of B: float32 `[n, 2]`, pixels."""
    rows, columns, channels = a.fine.shape
    queries = a.fine.reshape(rows // 2, 2, columns // 2, 2, channels).mean(axis=(1, 3))
    queries = queries.reshape(-1, channels)[cells_a]
    border = WINDOW // 2 - 1
    padded = np.pad(b.fine, [[border, border], [border, border], [0, 0]])
    top, left = (2 * part for part in np.divmod(cells_b, b.coarse.shape[1]))
    steps = np.arange(WINDOW)
    windows = padded[
        top[:, None, None] + steps[:, None], left[:, None, None] + steps
    ]  # [n, window, window, d]
    logits = np.einsum("nd,nijd->nij", queries, windows)
    weights = np.exp(logits - logits.max(axis=(1, 2), keepdims=True))
    weights /= weights.sum(axis=(1, 2), keepdims=True)
    places = (steps - (WINDOW - 1) / 2) * FINE_STRIDE
    return np.stack([weights.sum(axis=1) @ places, weights.sum(axis=2) @ places], axis=-1)
