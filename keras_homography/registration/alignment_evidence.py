"""How well a homography explains two photos, and what that says about it."""

import dataclasses

import cv2
import numpy as np

from keras_homography.geometry import arrays

_SIDE = 320  # the longer side of B at which photos are compared, at most
_WINDOW = 12  # pixels, of the windows that are compared one by one
_TEXTURE = 5.0  # gray levels: standard deviation of a window that can be recognized
_AGREE = 0.6  # correlation from which a window does
_PART, _REACH = 24, 12  # pixels: of what is looked for by itself, and how far away
_FOUND = 0.8  # correlation from which a part is found
_FEW_PARTS = 6  # of which nothing can be said
_MAX_SCALE, _LARGEST_STRETCH = 10.0, 5.0


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What the windows of B say about a homography.

    Attributes:
      overlap: share of B that A covers.
      windows: how many windows of B have texture and are covered by A.
      agreeing: how many of these correlate with A.
      spread: the area of the hull of the agreeing windows, as a share of B.
      disagreement: see `lucas_kanade.Level.disagreement`.
      elsewhere: the share of parts of B that A has too, but not where the homography says; 0 until
        `find_elsewhere` has looked.
    """

    overlap: float
    windows: int
    agreeing: int
    spread: float
    disagreement: float
    elsewhere: float = 0.0

    @property
    def share(self):
        """The share of windows that agree, a little towards nothing where there are few."""
        return self.agreeing / (self.windows + 4.0)

    @property
    def score(self):
        """Higher is a better explanation: agreeing windows, as far as most of them agree."""
        return self.agreeing * self.share


NO_EVIDENCE = Evidence(0.0, 0, 0, 0.0, np.inf)


def comparison_level(pyramid):
    """The number of the level at which photos are compared."""
    sides = [max(gray.shape) for gray in pyramid]
    return next((i for i, side in enumerate(sides) if side <= _SIDE), len(sides) - 1)


def _window_means(values):
    """Means over windows, `[rows, columns]`."""
    height, width = (side // _WINDOW for side in values.shape)
    values = values[: height * _WINDOW, : width * _WINDOW]
    return values.reshape(height, _WINDOW, width, _WINDOW).mean(axis=(1, 3))


def textured_share(gray):
    """The share of the windows of an image, uint8, that have texture."""
    if min(gray.shape) < _WINDOW:
        return 0.0
    gray = gray.astype(np.float32)
    variance = _window_means(gray * gray) - np.square(_window_means(gray))
    return float((variance > _TEXTURE**2).mean())


def is_plausible(a_from_b, size_a, size_b):
    """Whether a camera could see B so: in front of it, not mirrored, and no part of it many times
    larger than A shows it, or longer one way than the other."""
    if not np.isfinite(a_from_b).all():
        return False
    points = np.vstack([arrays.corners(size_b), [np.array(size_b) / 2]])
    u, v, depth = a_from_b @ np.column_stack([points, np.ones(5)]).T
    if depth.min() <= 0.15 * depth.max():
        return False
    h, scale = a_from_b, max(size_a) / max(size_b)
    jacobian = np.array(
        [
            [h[0, 0] - u / depth * h[2, 0], h[0, 1] - u / depth * h[2, 1]],
            [h[1, 0] - v / depth * h[2, 0], h[1, 1] - v / depth * h[2, 1]],
        ]
    ) / (depth * scale)
    jacobian = np.moveaxis(jacobian, -1, 0)
    longest, shortest = np.linalg.svd(jacobian, compute_uv=False).T
    return bool(
        np.linalg.det(jacobian).min() > 0
        and longest.max() < _MAX_SCALE
        and shortest.min() > 1.0 / _MAX_SCALE
        and (longest / shortest).max() < _LARGEST_STRETCH
    )


def measure_evidence(pair, a_from_b):
    """Compares two photos under a homography, window by window.

    Args:
      pair: `image_pyramid.ImagePair`.
      a_from_b: `[3, 3]`, pixels of the photos.

    Returns:
      `Evidence`.
    """
    size_a, size_b = (arrays.image_size(gray[0]) for gray in (pair.pyramid_a, pair.pyramid_b))
    if a_from_b is None or not is_plausible(a_from_b, size_a, size_b):
        return NO_EVIDENCE
    number = comparison_level(pair.pyramid_b)
    level, matrix = pair.at(a_from_b, number)
    size = arrays.image_size(level.gray_b)
    a, covered = arrays.warp_image(level.gray_a, np.linalg.inv(matrix), size)
    a, b = a.astype(np.float32), level.gray_b.astype(np.float32)
    mean_a, mean_b = _window_means(a), _window_means(b)
    variance_a = _window_means(a * a) - mean_a**2
    variance_b = _window_means(b * b) - mean_b**2
    covariance = _window_means(a * b) - mean_a * mean_b
    seen = _window_means(covered.astype(np.float32)) > 0.99
    # Textured in either: where the one shows a wall and the other a tree, they do not agree.
    seen &= np.maximum(variance_a, variance_b) > _TEXTURE**2
    correlation = covariance / np.sqrt((variance_a + 1.0) * (variance_b + 1.0))
    agree = seen & (correlation > _AGREE)
    spread = 0.0
    if agree.any():
        y, x = np.nonzero(agree)
        points = np.concatenate([np.stack([x + i, y + j], 1) for i in (0, 1) for j in (0, 1)])
        hull = cv2.convexHull(points.astype(np.int32))
        spread = float(cv2.contourArea(hull) / agree.size)
    return Evidence(
        overlap=float(covered.mean()),
        windows=int(seen.sum()),
        agreeing=int(agree.sum()),
        spread=spread,
        disagreement=level.disagreement(matrix),
    )


def measure_displaced_matches(pair, a_from_b, evidence):
    """The evidence with its `elsewhere`: more than 2 pixels off, where photos are judged."""
    level, matrix = pair.at(a_from_b, comparison_level(pair.pyramid_b))
    b = level.gray_b
    height, width = b.shape
    a, covered = arrays.warp_image(level.gray_a, np.linalg.inv(matrix), (width, height))
    parts = found = 0
    for top in range(_REACH, height - _PART - _REACH + 1, _PART):
        for left in range(_REACH, width - _PART - _REACH + 1, _PART):
            part = b[top : top + _PART, left : left + _PART]
            around = np.s_[
                top - _REACH : top + _PART + _REACH, left - _REACH : left + _PART + _REACH
            ]
            if part.std() < 2 * _TEXTURE or not covered[around].all():
                continue
            parts += 1
            correlation = cv2.matchTemplate(a[around], part, cv2.TM_CCOEFF_NORMED)
            _, best, _, (x, y) = cv2.minMaxLoc(correlation)
            found += best > _FOUND and max(abs(x - _REACH), abs(y - _REACH)) > 2
    share = found / parts if parts >= _FEW_PARTS else 0.0
    return dataclasses.replace(evidence, elsewhere=share)
