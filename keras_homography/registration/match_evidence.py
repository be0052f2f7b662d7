"""How well a homography agrees with dense features: matches after alignment, which should not move.

A is warped onto B; then both show the scene from one place, and a cell of the one should match the
same cell of the other. It does so whatever the sensor, which gray levels do not; and where a
structure repeats itself or two scenes look alike, cells match elsewhere.
"""

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import (
    dense_matching,
    feature_matching,
    image_pyramid,
    image_views,
    view_matching,
)
from keras_homography.registration.evidence import MatchEvidence

_MAX_DISPLACEMENT = 6.0  # pixels of a view, of a match that agrees
_MAX_CORRECTION = 16.0  # pixels of a view, of a match that may correct the homography
_THRESHOLD = 2.0  # pixels of a view, of an inlier of the correction
_MAX_RESIDUAL = 2.5  # of a match that is fitted, in medians
_LEAST_SQUARES_FITS = 3
_MIN_MATCHES = 12
# Pixels: longer side of views of B. Small images are enlarged to the second, by at most so much.
_COARSE_SIDE, _MIN_FINE_SIDE, _MAX_ENLARGEMENT = 320, 400, 2.0


class AlignedMatches:
    """Matches of A, aligned by a homography, with B.

    Args:
      a_from_b: `[3, 3]`, the homography, pixels of the full images.
      view: of B, into which A is warped.
      matches: in pixels of the view.
      inner: bool `[n]`: matches in the inner half of where the images overlap.

    Attributes:
      a_from_b: as given.
      view: as given.
      matches: as given.
    """

    def __init__(
        self,
        a_from_b: np.ndarray,
        view: image_views.View,
        matches: dense_matching.Matches,
        inner: np.ndarray,
    ) -> None:
        self.a_from_b, self.view, self.matches, self._inner = a_from_b, view, matches, inner
        self._displacement = np.linalg.norm(matches.points_b - matches.points_a, axis=1)

    @property
    def _counted_pixels(self) -> float:
        """Of the view, those that show the image where it counts."""
        covered = self.view.covered
        share = 1.0 if covered is None else max(float(covered.mean()), 1e-6)
        return self.view.gray.size * share

    @property
    def agreeing(self) -> np.ndarray:
        """Which matches stay in their place, bool `[n]`."""
        return self._displacement < _MAX_DISPLACEMENT

    def evidence(self) -> MatchEvidence:
        """Count the matches that stay in their place."""
        agree = self.agreeing
        if not agree.any():
            return MatchEvidence(len(agree), 0, 0.0, np.inf)
        hull = cv2.convexHull(self.matches.points_a[agree])
        return MatchEvidence(
            matches=len(agree),
            agreeing=int(agree.sum()),
            spread=min(1.0, float(cv2.contourArea(hull) / self._counted_pixels)),
            residual=float(np.median(self._displacement[agree])),
            inner_matches=int(self._inner.sum()),
            inner_agreeing=int((agree & self._inner).sum()),
        )

    def correction(self) -> np.ndarray | None:
        """Correct the homography so that the matches stay in their place.

        Returns:
          The corrected `a_from_b`; None if too few matches say how.
        """
        near = self._displacement < _MAX_CORRECTION
        points_a, points_b = (
            points[near].astype(np.float64)
            for points in (self.matches.points_a, self.matches.points_b)
        )
        aligned_from_b, agree = feature_matching.fit_homography(
            self.matches.points_b[near], self.matches.points_a[near], _THRESHOLD
        )
        # All that agree, not a threshold's choice of them: their errors are larger than it.
        for _ in range(_LEAST_SQUARES_FITS):
            if aligned_from_b is None or agree.sum() < _MIN_MATCHES:
                return None
            moved = arrays.transform_points(aligned_from_b, points_b)
            residual = np.linalg.norm(moved - points_a, axis=1)
            agree = residual < _MAX_RESIDUAL * max(np.median(residual[agree]), 0.5)
            aligned_from_b = feature_matching.find_homography(points_b[agree], points_a[agree])
        if aligned_from_b is None:
            return None
        view_from_b = self.view.view_from_image
        correction = np.linalg.inv(view_from_b) @ aligned_from_b @ view_from_b
        return arrays.normalize(self.a_from_b @ correction)


class AlignedMatcher:
    """Matches A, aligned by homographies, with B.

    Args:
      network: the matcher.
      pair: the images.
      features_b: of image B; None to compute them here.
    """

    def __init__(
        self,
        network: view_matching.FeatureNetwork,
        pair: image_pyramid.ImagePair,
        features_b: view_matching.ImageFeatures | None = None,
    ) -> None:
        self._network, self._pair = network, pair
        self._side = min(max(pair.size_b), image_views.MAX_SIDE)
        self._features_b = features_b or view_matching.ImageFeatures(
            network, pair.pyramid_b, pair.masks_b
        )

    def match(self, a_from_b: np.ndarray) -> AlignedMatches:
        """Match A, warped into a view of B of at most 320 pixels a side, with that view.

        Args:
          a_from_b: `[3, 3]`, pixels of the full images, plausible.

        Returns:
          The matches between cells where A covers B.
        """
        return self._match(a_from_b, max(1.0, self._side / _COARSE_SIDE))

    def match_finely(self, a_from_b: np.ndarray) -> AlignedMatches:
        """Do the same in the largest view; small images are enlarged, for more cells.

        Args:
          a_from_b: `[3, 3]`, pixels of the full images, plausible.

        Returns:
          The matches between cells where A covers B.
        """
        reduction = np.clip(self._side / _MIN_FINE_SIDE, 1.0 / _MAX_ENLARGEMENT, 1.0)
        return self._match(a_from_b, float(reduction))

    def _match(self, a_from_b: np.ndarray, reduction: float) -> AlignedMatches:
        """Match in a view of B that is smaller by a factor than the largest."""
        view, features_b = self._features_b.of(image_views.ViewSpec(reduction=reduction))
        index = image_views.level_index(self._pair.pyramid_b, arrays.image_size(view.gray))
        level, level_a_from_b = self._pair.at(a_from_b, index)
        level_from_b = arrays.resizing(self._pair.size_b, arrays.image_size(level.gray_b))
        view_from_a = view.view_from_image @ np.linalg.inv(level_a_from_b @ level_from_b)
        warped, covered = level.warp(view_from_a, arrays.image_size(view.gray))
        if covered.any():
            warped[~covered] = int(warped[covered].mean())
        cells = covered[4::8, 4::8]
        if view.covered is not None:
            cells = cells & view.covered
        features_a = view_matching.compute_features(
            self._network, image_views.View(warped, np.eye(3), cells)
        )
        # Cells of B that A does not cover have nothing to match.
        visible_b = dense_matching.Features(
            features_b.coarse * cells[..., None], features_b.fine, features_b.reliability
        )
        matches = dense_matching.match(features_a, visible_b)
        rows, columns = (matches.points_a[:, ::-1] // 8).astype(int).T
        usable = cells[rows, columns]
        inner = _inner_half(cells)[rows, columns][usable]
        return AlignedMatches(a_from_b, view, matches.where(usable), inner)


def _inner_half(cells: np.ndarray) -> np.ndarray:
    """The half of a region, bool `[rows, columns]`, that is farthest from its border."""
    if not cells.any():
        return cells
    distance = cv2.distanceTransform(np.pad(cells, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    return cells & (distance > np.median(distance[cells]))
