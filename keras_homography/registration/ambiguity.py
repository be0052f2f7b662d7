"""Is there another homography that explains two images as well? Repeated structure has several.

Once A is aligned with B, a copy of the answer shifted by a period of the structure fits too. Such
shifts are peaks of the correlation of B with aligned A; each is compared with the answer window by
window, because the little that does not repeat itself decides.
"""

import dataclasses

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import image_pyramid
from keras_homography.registration.alignment_evidence import (
    MIN_CORRELATION,
    MIN_TEXTURE,
    window_correlations,
)

_MIN_SHIFT = 8  # pixels of the comparison level: nearer peaks are those of the answer itself
_MIN_PEAK = 0.4  # correlation, of the answer's own, from which a shift is compared
_MIN_OVERLAP = 0.35  # share of B
_MAX_SHIFTS = 4
_STEPS = 6  # of Lucas–Kanade, for each shift
_MIN_AGREEING = 0.3  # share of the windows that agree with the answer
_MIN_EXPLAINED = 0.6  # share of the windows that the answer explains
_CLEARLY_BETTER = 0.2  # of a correlation against another
_CLEAR_LOSS = 0.05  # of the mean correlation
_GRID = 17  # points along each side of B, at which homographies are compared
_MIN_DECIDED, _MIN_DECIDED_SHARE = 4, 0.04  # windows that rule a shift out


@dataclasses.dataclass(frozen=True, eq=False)
class Alternative:
    """Another homography that explains two images.

    Attributes:
      a_from_b: float64 `[3, 3]`, pixels of the full images.
      for_it: number of windows that correlate clearly better under it.
      against_it: number of windows that correlate clearly better under the answer.
      compared: number of windows that both cover.
      loss: how much lower the correlation of these windows is under it, on average.
    """

    a_from_b: np.ndarray
    for_it: int
    against_it: int
    compared: int
    loss: float

    @property
    def is_better(self) -> bool:
        """Whether more windows speak for it than against it."""
        return self.for_it - self.against_it >= self._min_decided

    @property
    def is_as_good(self) -> bool:
        """Whether the images cannot tell it from the answer, or it is better."""
        is_decided = self.against_it - self.for_it >= self._min_decided
        return self.is_better or not (is_decided or self.loss > _CLEAR_LOSS)

    @property
    def _min_decided(self) -> float:
        return max(_MIN_DECIDED, _MIN_DECIDED_SHARE * self.compared)


def find_alternatives(pair: image_pyramid.ImagePair, a_from_b: np.ndarray) -> list[Alternative]:
    """Find shifted copies of a homography under which the images correlate too.

    Args:
      pair: the images.
      a_from_b: `[3, 3]`, pixels of the full images, plausible.

    Returns:
      At most four, the strongest first, as good as the homography or not.
    """
    level, level_a_from_b = pair.at(a_from_b, pair.comparison_level)
    b, level_from_b = level.gray_b, arrays.resizing(pair.size_b, arrays.image_size(level.gray_b))
    a, covered = level.align(level_a_from_b)
    before = window_correlations(pair, a_from_b)[0]
    agrees_before = before > MIN_CORRELATION
    alternatives: list[Alternative] = []
    # Where gray levels do not even speak for the answer, as across sensors, they cannot tell.
    if agrees_before.sum() < _MIN_AGREEING * np.isfinite(before).sum():
        return alternatives
    for x, y in _find_shifts(_normalize(a, covered), _normalize(b, np.ones_like(covered))):
        shift = np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])
        matrix = a_from_b @ np.linalg.inv(level_from_b) @ shift @ level_from_b
        matrix = pair.refine(matrix, [pair.comparison_level], _STEPS)
        others = [a_from_b, *(other.a_from_b for other in alternatives)]
        # Refinement may lead back to the answer.
        if matrix is None or min(_distance(pair, matrix, other) for other in others) < _MIN_SHIFT:
            continue
        after = window_correlations(pair, matrix)[0]
        both, agrees_after = np.isfinite(before) & np.isfinite(after), after > MIN_CORRELATION
        # One that explains far less is no rival.
        if both.any() and agrees_after.sum() >= _MIN_EXPLAINED * agrees_before.sum():
            alternatives.append(
                Alternative(
                    matrix,
                    for_it=int(
                        ((after > MIN_CORRELATION) & (after > before + _CLEARLY_BETTER)).sum()
                    ),
                    against_it=int(
                        ((before > MIN_CORRELATION) & (before > after + _CLEARLY_BETTER)).sum()
                    ),
                    compared=int(both.sum()),
                    loss=float((before - after)[both].mean()),
                )
            )
    return alternatives


def _distance(pair: image_pyramid.ImagePair, a_from_b: np.ndarray, other: np.ndarray) -> float:
    """Mean distance of what both images show under two homographies, in pixels of the level.

    Where they show little in common, the corners of B say nothing.
    """
    points = arrays.grid(pair.size_b, _GRID)
    in_a = arrays.transform_points(a_from_b, points)
    shared = ((in_a > 0) & (in_a < pair.size_a)).all(axis=1)
    points = points[shared] if shared.any() else points
    moved = arrays.transform_points(np.linalg.inv(a_from_b) @ other, points) - points
    height, width = pair.pyramid_b[pair.comparison_level].shape
    return float(np.linalg.norm(moved * (width, height) / pair.size_b, axis=1).mean())


def _normalize(gray: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Remove local brightness and contrast; 0 outside of the mask. Float32."""
    values, weights = gray.astype(np.float32), covered.astype(np.float32)
    share = cv2.GaussianBlur(weights, (0, 0), 8.0) + 1e-3
    centered = (values - cv2.GaussianBlur(values * weights, (0, 0), 8.0) / share) * weights
    deviation = np.sqrt(cv2.GaussianBlur(centered * centered, (0, 0), 8.0) / share)
    return centered / (deviation + MIN_TEXTURE)


def _find_shifts(a: np.ndarray, b: np.ndarray) -> list[tuple[int, int]]:
    """Shifts `(x, y)` of A against B with a high correlation, the highest first."""
    height, width = b.shape
    size = cv2.getOptimalDFTSize(2 * height), cv2.getOptimalDFTSize(2 * width)
    borders = 0, size[0] - height, 0, size[1] - width, cv2.BORDER_CONSTANT
    spectrum_a, spectrum_b = (cv2.dft(cv2.copyMakeBorder(gray, *borders)) for gray in (a, b))
    product = cv2.mulSpectrums(spectrum_a, spectrum_b, 0, conjB=True)
    surface = cv2.dft(product, flags=cv2.DFT_INVERSE | cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)
    y, x = (_signed(np.arange(side)) for side in size)
    y, x = y[:, None], x[None, :]
    overlap = np.maximum(width - np.abs(x), 0) * np.maximum(height - np.abs(y), 0)
    distance, share = np.hypot(x, y), overlap / (width * height)
    allowed = (distance > _MIN_SHIFT) & (share > _MIN_OVERLAP)
    allowed &= surface > _MIN_PEAK * surface[distance <= 2.0].max() * share
    surface = np.where(allowed, surface, 0.0)
    shifts: list[tuple[int, int]] = []
    while len(shifts) < _MAX_SHIFTS:
        row, column = np.unravel_index(surface.argmax(), surface.shape)
        if surface[row, column] <= 0.0:
            break
        peak_x, peak_y = int(x[0, column]), int(y[row, 0])
        shifts.append((peak_x, peak_y))
        surface[np.hypot(x - peak_x, y - peak_y) <= _MIN_SHIFT] = 0.0
    return shifts


def _signed(frequencies: np.ndarray) -> np.ndarray:
    """Indices of a periodic axis as shifts, the upper half negative."""
    return np.where(frequencies < len(frequencies) / 2, frequencies, frequencies - len(frequencies))
