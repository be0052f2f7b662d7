"""Which photos may overlap: a first look at pairs that costs some milliseconds each.

An estimate takes a tenth of a second to seconds, so only what looks likely here is estimated.
"""

import dataclasses

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
from keras_homography.stitching.photos import Photo

_SMALL = image_views.ViewSpec(reduction=2.0)  # at most 320 pixels a side
_THRESHOLD = 3.0  # pixels of a view, of an inlier
_MIN_INLIERS = 18  # chance gives 8 to 18; neighbors that share a quarter have over 100
_MAX_PARTNERS = 6  # of a photo that are estimated
_KEYPOINT_SIDE = 1000  # pixels: longest side at which keypoints are found
_MAX_KEYPOINTS = 3000
_MIN_CONTRAST = 0.01  # of a keypoint


@dataclasses.dataclass(frozen=True, eq=False)
class Candidate:
    """Two photos that may overlap.

    Attributes:
      a: index of photo A.
      b: index of photo B.
      a_from_b: float64 `[3, 3]`, pixels of B to pixels of A, to within some pixels; None if the
        matches give none.
      inliers: number of matches that agree with it.
    """

    a: int
    b: int
    a_from_b: np.ndarray | None
    inliers: int


class Screening:
    """Matches photos, by dense features of small views or by keypoints.

    What is computed of a photo alone is computed once.

    Args:
      matcher: the network of dense features.
      photos: all photos; candidates name them by their index.
    """

    def __init__(self, matcher: view_matching.FeatureNetwork, photos: list[Photo]) -> None:
        self._matcher, self._photos = matcher, photos
        self._views: dict[int, tuple[image_views.View, dense_matching.Features]] = {}
        self._keypoints: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def match(self, a: int, b: int) -> Candidate:
        """Match small views of two photos, turned by less than 45 degrees against each other.

        Args:
          a: index of photo A.
          b: index of photo B.

        Returns:
          How well they match.
        """
        view_a, features_a = self._view(a)
        view_b, features_b = self._view(b)
        matches = dense_matching.match(features_a, features_b)
        a_from_b, inliers = feature_matching.fit_homography(
            matches.points_b, matches.points_a, _THRESHOLD
        )
        if a_from_b is not None:
            a_from_b = np.linalg.inv(view_a.view_from_image) @ a_from_b @ view_b.view_from_image
        return _candidate(a, b, a_from_b, inliers)

    def match_keypoints(self, a: int, b: int) -> Candidate:
        """Match keypoints of two photos, however turned: slower, and finds smaller overlaps.

        Args:
          a: index of photo A.
          b: index of photo B.

        Returns:
          How well they match.
        """
        a_from_b, inliers = feature_matching.match_and_fit(
            self._points(a), self._points(b), _THRESHOLD
        )
        return _candidate(a, b, a_from_b, inliers)

    def _view(self, index: int) -> tuple[image_views.View, dense_matching.Features]:
        if index not in self._views:
            pyramid = image_pyramid.build_pyramid(self._photos[index].gray)
            self._views[index] = view_matching.ImageFeatures(self._matcher, pyramid).of(_SMALL)
        return self._views[index]

    def _points(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Keypoints, float32 `[n, 2]`, pixels of the photo, and their descriptors."""
        if index not in self._keypoints:
            gray = self._photos[index].gray
            size = arrays.image_size(gray)
            scale = min(1.0, _KEYPOINT_SIDE / max(size))
            small_size = tuple(max(1, round(side * scale)) for side in size)
            small = cv2.resize(gray, small_size, interpolation=cv2.INTER_AREA)
            keypoints, descriptors = cv2.SIFT.create(
                _MAX_KEYPOINTS, contrastThreshold=_MIN_CONTRAST
            ).detectAndCompute(small, None)
            points = np.array([keypoint.pt for keypoint in keypoints]).reshape(-1, 2)
            points = arrays.transform_points(arrays.resizing(small_size, size), points)
            self._keypoints[index] = points.astype(np.float32), descriptors
        return self._keypoints[index]


def _candidate(a: int, b: int, a_from_b: np.ndarray | None, inliers: np.ndarray) -> Candidate:
    normalized = None if a_from_b is None else arrays.normalize(a_from_b)
    return Candidate(a, b, normalized, 0 if normalized is None else int(inliers.sum()))


def likeliest(candidates: list[Candidate], min_inliers: int = _MIN_INLIERS) -> list[Candidate]:
    """Return the candidates of a photo that are worth an estimate, the likeliest first.

    Args:
      candidates: of one photo.
      min_inliers: of a candidate that is worth it.

    Returns:
      At most six of them.
    """
    likely = [candidate for candidate in candidates if candidate.inliers >= min_inliers]
    return sorted(likely, key=lambda candidate: -candidate.inliers)[:_MAX_PARTNERS]
