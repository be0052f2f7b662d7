"""Match two images by dense features of their views, and fit homographies to the matches."""

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import dense_matching, feature_matching, image_views
from keras_homography.registration.image_views import ViewSpec as ViewSpec

# Float32 `[1, height, width, 1]`, gray levels in 0..255 -> coarse, fine, reliability, without the
# batch axis: see `dense_matching.Features`.
FeatureNetwork = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]

_MANY_INLIERS = 80  # no wrong homography has as many, but where a scene repeats itself
_THRESHOLD = 3.0  # pixels of a view, of an inlier

_PLAIN = ViewSpec()
_HALF = ViewSpec(reduction=2.0)
_TURNS = tuple(ViewSpec(quarter_turns=turns) for turns in (1, 3, 2))


@dataclasses.dataclass(frozen=True, eq=False)
class ViewMatch:
    """Matches of two images, and the homography that most of them agree with.

    Attributes:
      matches: in pixels of the full images.
      b_from_a: float64 `[3, 3]`, pixels of the full images; None if there is none.
      inliers: bool `[n]`.
      views: the views that they come from.
    """

    matches: dense_matching.Matches
    b_from_a: np.ndarray | None
    inliers: np.ndarray
    views: tuple[ViewSpec, ViewSpec]

    @property
    def count(self) -> int:
        """Number of inliers."""
        return int(self.inliers.sum())


class ImageFeatures:
    """Features of views of one image, each computed when it is first used.

    Args:
      network: the matcher.
      pyramid: of the image, uint8, finest first.
      masks: of its levels, bool, where the image counts; None for everywhere.
    """

    def __init__(
        self,
        network: FeatureNetwork,
        pyramid: Sequence[np.ndarray],
        masks: list[np.ndarray] | None = None,
    ) -> None:
        self._network, self._pyramid, self._masks = network, pyramid, masks
        self._views: dict[ViewSpec, tuple[image_views.View, dense_matching.Features]] = {}

    def of(self, spec: ViewSpec) -> tuple[image_views.View, dense_matching.Features]:
        """Return a view of the image, and its features.

        Args:
          spec: which view.

        Returns:
          `(view, features)`.
        """
        if spec not in self._views:
            view = image_views.render(self._pyramid, spec)
            if self._masks is not None:
                view = image_views.cover(view, spec, self._masks)
            self._views[spec] = view, compute_features(self._network, view)
        return self._views[spec]


class ViewMatcher:
    """Matches views of two images.

    Args:
      features_a: of image A.
      features_b: of image B.
    """

    def __init__(self, features_a: ImageFeatures, features_b: ImageFeatures) -> None:
        self._features_a, self._features_b = features_a, features_b

    def match(self, spec_a: ViewSpec = _PLAIN, spec_b: ViewSpec = _PLAIN) -> ViewMatch:
        """Match one view of A with one of B.

        Args:
          spec_a: view of A.
          spec_b: view of B.

        Returns:
          Matches, homography and inliers.
        """
        view_a, features_a = self._features_a.of(spec_a)
        view_b, features_b = self._features_b.of(spec_b)
        matches = dense_matching.match(features_a, features_b)
        view_b_from_a, inliers = feature_matching.fit_homography(
            matches.points_a, matches.points_b, _THRESHOLD
        )
        b_from_a = None
        if view_b_from_a is not None:
            b_from_a = arrays.normalize(
                np.linalg.inv(view_b.view_from_image) @ view_b_from_a @ view_a.view_from_image
            )
        in_images = dense_matching.Matches(
            _to_image(matches.points_a, view_a), _to_image(matches.points_b, view_b), matches.scores
        )
        return ViewMatch(in_images, b_from_a, inliers, (spec_a, spec_b))

    def find_best(self, max_attempts: int) -> ViewMatch:
        """Match views until one pair of them has many inliers.

        Args:
          max_attempts: number of pairs of views, at least 1.

        Returns:
          The match with the most inliers.
        """
        best = self.match()
        for specs in itertools.islice(self.attempts(), 1, max_attempts):
            if best.count >= _MANY_INLIERS:
                break
            best = max(best, self.match(*specs), key=lambda match: match.count)
        return best

    def attempts(self) -> Iterator[tuple[ViewSpec, ViewSpec]]:
        """Yield pairs of views to match, the likeliest to succeed first."""
        yield _PLAIN, _PLAIN
        yield from ((_PLAIN, turned) for turned in _TURNS)
        yield from ((_HALF, _PLAIN), (_PLAIN, _HALF))
        yield from _tilts(2.0, 4)
        yield from _tilts(4.0, 6)
        for turned in _TURNS:
            half = dataclasses.replace(turned, reduction=2.0)
            yield from ((_HALF, turned), (_PLAIN, half))
        yield from _tilts(2.8, 6)
        yield from _tilts(5.6, 8)
        tilted = [ViewSpec(tilt=2.0, direction=direction) for direction in (0.0, 45.0, 90.0, 135.0)]
        yield from itertools.product(tilted, tilted)


def _tilts(tilt: float, directions: int) -> Iterator[tuple[ViewSpec, ViewSpec]]:
    """Yield either image tilted in so many directions."""
    for number in range(directions):
        tilted = ViewSpec(tilt=tilt, direction=180.0 * number / directions)
        yield tilted, _PLAIN
        yield _PLAIN, tilted


def compute_features(network: FeatureNetwork, view: image_views.View) -> dense_matching.Features:
    """Compute the features of a view; cells that do not show the image match nothing.

    Args:
      network: the matcher.
      view: of an image.

    Returns:
      The features.
    """
    coarse, fine, reliability = network(view.gray[None, ..., None].astype(np.float32))
    if view.covered is not None:
        coarse = coarse * view.covered[..., None]
        reliability = reliability * view.covered
    return dense_matching.Features(coarse, fine, reliability)


def _to_image(points: np.ndarray, view: image_views.View) -> np.ndarray:
    image_from_view = np.linalg.inv(view.view_from_image)
    return arrays.transform_points(image_from_view, points).astype(np.float32)
