"""Find the homographies between photos, without trying every pair at full cost."""

import dataclasses
from collections.abc import Callable

from keras_homography.registration.estimator import HomographyEstimator
from keras_homography.stitching import pair_screening, tracked_points
from keras_homography.stitching.pair_screening import Candidate
from keras_homography.stitching.photo_graph import Link, largest_component
from keras_homography.stitching.photos import Photo

_MIN_POINTS = 8  # of a link
_MIN_KEYPOINTS = 10  # that agree, of a pair that may give a photo a place
_MAX_TRIES = 3  # of such pairs, a photo

Progress = Callable[[str], None]


@dataclasses.dataclass(frozen=True, eq=False)
class Linked:
    """What is known about the pairs of some photos.

    Attributes:
      links: pairs with a homography that can be trusted.
      refusals: photo to why the likeliest pair that it is part of was refused.
    """

    links: list[Link]
    refusals: dict[int, str]


class Linker:
    """Estimates homographies of the likeliest pairs.

    Args:
      estimator: of the homography of a pair.
      screening: of the same photos.
      photos: all photos.
      progress: is told what is done.
    """

    def __init__(
        self,
        estimator: HomographyEstimator,
        screening: pair_screening.Screening,
        photos: list[Photo],
        progress: Progress,
    ) -> None:
        self._estimator, self._screening = estimator, screening
        self._photos, self._progress = photos, progress
        self._links: list[Link] = []
        self._refusals: dict[int, str] = {}

    def link(self) -> Linked:
        """Link photos, the likeliest pairs first; then look closer at those left over."""
        everyone = list(range(len(self._photos)))
        candidates: dict[tuple[int, int], Candidate] = {}
        matched: list[Candidate] = []
        for b in everyone:
            self._progress(f"comparing photo {b + 1}/{len(everyone)}")
            matched += [self._screening.match(a, b) for a in range(b)]
        for photo in everyone:
            own = [candidate for candidate in matched if photo in (candidate.a, candidate.b)]
            for candidate in pair_screening.likeliest(own):
                candidates[candidate.a, candidate.b] = candidate
        ordered = sorted(candidates.values(), key=lambda candidate: -candidate.inliers)
        for number, candidate in enumerate(ordered, 1):
            self._progress(f"aligning pair {number}/{len(ordered)}")
            self._estimate(candidate)
        self._link_outsiders()
        return Linked(self._links, self._refusals)

    def _link_outsiders(self) -> None:
        """Look closer at photos outside the largest part that hangs together."""
        for photo in range(len(self._photos)):
            members = largest_component(self._links)
            if photo in members:
                continue
            self._progress(f"looking for the place of {self._photos[photo].name}")
            others = members or range(photo)
            candidates = [self._screening.match_keypoints(other, photo) for other in others]
            likeliest = pair_screening.likeliest(candidates, _MIN_KEYPOINTS)
            for candidate in likeliest[:_MAX_TRIES]:
                if self._estimate(candidate):
                    break

    def _estimate(self, candidate: Candidate) -> bool:
        """Estimate the homography of a pair; returns whether it can be trusted."""
        gray_a, gray_b = (self._photos[i].gray for i in (candidate.a, candidate.b))
        result = self._estimator.estimate(gray_a, gray_b, initial_a_from_b=candidate.a_from_b)
        if result.a_from_b is None:
            for index in (candidate.a, candidate.b):
                self._refusals.setdefault(index, str(result.reason))
            return False
        points = tracked_points.track(gray_a, gray_b, result.a_from_b)
        if len(points[0]) < _MIN_POINTS:
            return False
        self._links.append(
            Link(candidate.a, candidate.b, result.a_from_b, result.confidence, *points)
        )
        return True
