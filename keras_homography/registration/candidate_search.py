"""Search for the homography that explains two images best, over initializations and refinement.

Every initialization is an attempt. The cheapest come first; the search ends with an answer of
sufficient confidence, with a likely one that others do not improve, or when attempts are used up.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import (
    ambiguity,
    candidate_refinement,
    image_pyramid,
    initialization,
    motion_models,
    sift_matching,
    view_matching,
)
from keras_homography.registration.candidate import NO_CANDIDATE, Candidate, better
from keras_homography.registration.candidate_refinement import SUFFICIENT_CONFIDENCE
from keras_homography.registration.motion_models import Motion
from keras_homography.saving import networks

_DOUBTFUL = 0.2  # confidence below which it does not matter whether others are as good
_LIKELY = 0.5  # confidence above which few other initializations are tried
_MAX_IN_VAIN = 2  # of them: what they find from then on is nearly always the same
_GAIN = 0.02  # of confidence: less is the same answer, refined from elsewhere
_VIEWS_BEFORE_SIFT = 5  # turned and reduced ones; tilted ones after it
_MIN_INLIERS = 10  # of the matches of two views: below it, a homography is one of chance
_MAX_SHIFTS = 3  # by periods of repeated structure, to a better candidate

# A name, and a function that gives `a_from_b`, or None.
_Initialization: TypeAlias = tuple[str, Callable[[], np.ndarray | None]]


@dataclasses.dataclass(frozen=True)
class Budget:
    """How long a search may go on.

    Attributes:
      max_attempts: number of initializations that may be tried.
      deadline: of `time.monotonic`, after which no attempt begins; None for none.
    """

    max_attempts: int
    deadline: float | None = None


class Search:
    """The search for the homography of one pair.

    Args:
      network: maps a pair of patches to corner offsets.
      matcher: maps an image to dense features.
      pair: the images.
      budget: how long it may go on.
      features_a: of A, by the matcher; None to compute them when they are needed.

    Attributes:
      attempts: number of initializations that were tried.
    """

    def __init__(
        self,
        network: networks.Network,
        matcher: view_matching.FeatureNetwork,
        pair: image_pyramid.ImagePair,
        budget: Budget,
        features_a: view_matching.ImageFeatures | None = None,
    ) -> None:
        self._network, self._pair, self._budget = network, pair, budget
        features_b = view_matching.ImageFeatures(matcher, pair.pyramid_b, pair.masks_b)
        if features_a is None:
            features_a = view_matching.ImageFeatures(matcher, pair.pyramid_a, pair.masks_a)
        self._refinement = candidate_refinement.CandidateRefinement(matcher, pair, features_b)
        self._views = view_matching.ViewMatcher(features_a, features_b)
        self.attempts = 0

    def find_best(self, initial_a_from_b: np.ndarray | None = None) -> Candidate:
        """Find the homography that explains the images best.

        Args:
          initial_a_from_b: `[3, 3]`, pixels of the full images, to be tried first; or None.

        Returns:
          The best candidate; `NO_CANDIDATE` if nothing speaks for any.
        """
        best, in_vain = NO_CANDIDATE, 0
        for name, initialize in self._initializations(initial_a_from_b):
            if self._is_used_up():
                break
            self.attempts += 1
            former = best
            best = better(former, self._refinement.refine_coarse(name, initialize()))
            in_vain = 0 if best.probability > former.probability + _GAIN else in_vain + 1
            if best.probability > SUFFICIENT_CONFIDENCE:
                break
            if best.probability > _LIKELY and in_vain >= _MAX_IN_VAIN:
                break
        if best.probability > _DOUBTFUL:
            best = self._look_elsewhere(best)
        return self._refinement.refine_fine(best)

    def _is_used_up(self) -> bool:
        deadline = self._budget.deadline
        is_late = deadline is not None and self.attempts > 0 and time.monotonic() >= deadline
        return is_late or self.attempts >= self._budget.max_attempts

    def _initializations(self, initial_a_from_b: np.ndarray | None) -> Iterator[_Initialization]:
        """Yield initializations, the cheapest and likeliest first."""
        pair = self._pair
        if initial_a_from_b is not None:
            yield "previous", lambda: initial_a_from_b
        yield "network", lambda: initialization.from_network(self._network, pair)
        views = self._views.attempts()
        yield "matches", lambda: self._match(*next(views))
        for number, specs in enumerate(views):
            if number == _VIEWS_BEFORE_SIFT:
                yield "SIFT", lambda: sift_matching.find_a_from_b(pair)
            name = f"matches of {specs[0]} and {specs[1]}"
            yield name, functools.partial(self._match, *specs)

    def _match(
        self, spec_a: view_matching.ViewSpec, spec_b: view_matching.ViewSpec
    ) -> np.ndarray | None:
        """`a_from_b` from the matches of two views; None if hardly any agree."""
        matched = self._views.match(spec_a, spec_b)
        if matched.b_from_a is None or matched.count < _MIN_INLIERS:
            return None
        if self._pair.motion is not Motion.HOMOGRAPHY:
            inliers = matched.matches.where(matched.inliers)
            return motion_models.fit(self._pair.motion, inliers.points_b, inliers.points_a)
        return arrays.normalize(np.linalg.inv(matched.b_from_a))

    def _look_elsewhere(self, best: Candidate) -> Candidate:
        """Compare a candidate with shifted copies that repeated structure allows, and a turned one.

        Returns:
          The best of them all, with the others that are as good.
        """
        alternatives: list[ambiguity.Alternative] = []
        for _ in range(_MAX_SHIFTS):
            if best.a_from_b is None:
                break
            alternatives = ambiguity.find_alternatives(self._pair, best.a_from_b)
            better_ones = [other for other in alternatives if other.is_better]
            if not better_ones:
                break
            moved = self._refinement.refine_coarse(
                str(best.initialization), better_ones[0].a_from_b
            )
            if moved.a_from_b is None or moved.evidence.score <= best.evidence.score:
                break
            best = moved
        rivals = tuple(other.a_from_b for other in alternatives if other.is_as_good)
        if best.probability < SUFFICIENT_CONFIDENCE:
            turned = self._refinement.find_turned_rival(best)
            rivals += () if turned is None else (turned,)
        return best.with_rivals(rivals)
