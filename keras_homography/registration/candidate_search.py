"""Search for the homography that explains two images best, over initializations and refinement.

Every initialization is an attempt. The cheapest come first; the search ends with an answer that has
sufficient confidence, or when the attempts are used up.
"""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import (
    alignment_evidence,
    ambiguity,
    confidence,
    image_pyramid,
    initialization,
    match_evidence,
    view_matching,
)
from keras_homography.registration.evidence import NO_EVIDENCE, Evidence
from keras_homography.saving import networks

SUFFICIENT_CONFIDENCE = 0.97  # at which no other initialization is tried
_COARSE_STEPS, _FINE_STEPS = 12, 5  # of Lucas–Kanade a level, up to the comparison level and beyond
_DOUBTFUL = 0.2  # confidence below which it does not matter whether others are as good
_MAX_CORRECTIONS = 2  # by the network, of the best candidate
_HOPELESS = 0.01  # confidence below which a candidate is not corrected
_FINE_CORRECTIONS = 2  # by matches of the largest views
_MIN_INLIERS = 10  # of the matches of two views: below it, a homography is one of chance
_MAX_SHIFTS = 3  # by periods of repeated structure, to a better candidate
_GRAY_AGREES = 0.5  # share of windows: gray levels say more than features where they agree

# A name, and a function that gives `a_from_b`, or None.
_Initialization: TypeAlias = tuple[str, Callable[[], np.ndarray | None]]


@dataclasses.dataclass(frozen=True, eq=False)
class Candidate:
    """A refined homography, and the evidence for it.

    Attributes:
      initialization: the name of what it was refined from; None if there is no homography.
      a_from_b: float64 `[3, 3]`, pixels of the full images; None if there is no homography.
      evidence: how well it explains the images.
      aligned: the matches behind the evidence; None if there is no homography.
    """

    initialization: str | None
    a_from_b: np.ndarray | None
    evidence: Evidence
    aligned: match_evidence.AlignedMatches | None = None

    @property
    def probability(self) -> float:
        """Probability that the mean error of the corners of B is below 3 px, 0 to 1."""
        return confidence.probability(self.evidence)


NO_CANDIDATE = Candidate(None, None, NO_EVIDENCE)


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

    Attributes:
      attempts: number of initializations that were tried.
    """

    def __init__(
        self,
        network: networks.Network,
        matcher: view_matching.FeatureNetwork,
        pair: image_pyramid.ImagePair,
        budget: Budget,
    ) -> None:
        self._network, self._pair, self._budget = network, pair, budget
        self._aligned = match_evidence.AlignedMatcher(matcher, pair)
        self._views = view_matching.ViewMatcher(matcher, pair.pyramid_a, pair.pyramid_b)
        self.attempts = 0

    def find_best(self, initial_a_from_b: np.ndarray | None = None) -> Candidate:
        """Find the homography that explains the images best.

        Args:
          initial_a_from_b: `[3, 3]`, pixels of the full images, to be tried first; or None.

        Returns:
          The best candidate; `NO_CANDIDATE` if nothing speaks for any.
        """
        best = NO_CANDIDATE
        for name, initialize in self._initializations(initial_a_from_b):
            if self._is_used_up():
                break
            self.attempts += 1
            former = best
            best = _better(former, self._refine_coarse(name, initialize()))
            if best is not former:
                best = self._correct_by_network(best)
            if best.probability > SUFFICIENT_CONFIDENCE:
                break
        if best.probability > _DOUBTFUL:
            best = self._look_elsewhere(best)
        return self._refine_fine(best)

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
        for specs in views:
            name = f"matches of {specs[0]} and {specs[1]}"
            yield name, functools.partial(self._match, *specs)

    def _match(
        self, spec_a: view_matching.ViewSpec, spec_b: view_matching.ViewSpec
    ) -> np.ndarray | None:
        """`a_from_b` from the matches of two views; None if hardly any agree."""
        matched = self._views.match(spec_a, spec_b)
        if matched.b_from_a is None or matched.count < _MIN_INLIERS:
            return None
        return arrays.normalize(np.linalg.inv(matched.b_from_a))

    def _refine_coarse(self, name: str, a_from_b: np.ndarray | None) -> Candidate:
        """Refine an initialization up to the comparison level.

        Refinement can destroy what is right, so the initialization stays a candidate; and the
        matches that remain once the images are aligned correct what gray levels cannot.
        """
        if a_from_b is None:
            return NO_CANDIDATE
        refined = self._measure(
            name, self._pair.refine_to_comparison_level(a_from_b, _COARSE_STEPS)
        )
        if refined.probability > SUFFICIENT_CONFIDENCE:
            return refined
        best = _better(refined, self._measure(name, a_from_b))
        if best.aligned is None or best.probability < _HOPELESS:
            return best
        corrected = self._measure(name, best.aligned.correction())
        if corrected.a_from_b is None:
            return best
        best = _better(best, corrected)
        refined = self._measure(
            name, self._pair.refine_to_comparison_level(corrected.a_from_b, _COARSE_STEPS)
        )
        return _better(best, refined)

    def _look_elsewhere(self, best: Candidate) -> Candidate:
        """Compare a candidate with shifted copies that repeated structure allows.

        Returns:
          The best of them all, with the number of others that are as good.
        """
        alternatives: list[ambiguity.Alternative] = []
        for _ in range(_MAX_SHIFTS):
            if best.a_from_b is None:
                break
            alternatives = ambiguity.find_alternatives(self._pair, best.a_from_b)
            better = [other for other in alternatives if other.is_better]
            if not better:
                break
            moved = self._refine_coarse(str(best.initialization), better[0].a_from_b)
            if moved.a_from_b is None or moved.evidence.score <= best.evidence.score:
                break
            best = moved
        count = sum(other.is_as_good for other in alternatives)
        return dataclasses.replace(
            best, evidence=dataclasses.replace(best.evidence, alternatives=count)
        )

    def _correct_by_network(self, best: Candidate) -> Candidate:
        """Let the network correct a candidate, for as long as that makes it better."""
        for _ in range(_MAX_CORRECTIONS):
            if best.a_from_b is None or not _HOPELESS < best.probability < SUFFICIENT_CONFIDENCE:
                break
            corrected = initialization.from_network_after_alignment(
                self._network, self._pair, best.a_from_b
            )
            better = _better(best, self._refine_coarse(str(best.initialization), corrected))
            if better is best:
                break
            best = better
        return best

    def _measure(self, name: str | None, a_from_b: np.ndarray | None) -> Candidate:
        """A candidate with its evidence; `NO_CANDIDATE` if it is not plausible."""
        evidence = alignment_evidence.measure_evidence(self._pair, a_from_b)
        if a_from_b is None or evidence is NO_EVIDENCE:
            return NO_CANDIDATE
        aligned = self._aligned.match(a_from_b)
        evidence = dataclasses.replace(evidence, matches=aligned.evidence())
        return Candidate(name, a_from_b, evidence, aligned)

    def _correct_finely(self, a_from_b: np.ndarray) -> np.ndarray | None:
        """Correct a homography by matches of the largest views."""
        corrected: np.ndarray | None = a_from_b
        for _ in range(_FINE_CORRECTIONS):
            if corrected is not None:
                corrected = self._aligned.match(corrected, reduction=1.0).correction()
        return corrected

    def _refine_fine(self, best: Candidate) -> Candidate:
        """Refine a candidate at full resolution, unless that destroys it; complete its evidence."""
        if best.a_from_b is None:
            return best
        if best.evidence.share >= _GRAY_AGREES:
            refined = self._pair.refine_to_full_resolution(best.a_from_b, _FINE_STEPS)
        else:
            refined = self._correct_finely(best.a_from_b)
        measured = self._measure(best.initialization, refined)
        # Finer levels only sharpen what is right; what they destroy was not.
        if (
            measured.evidence.score >= 0.9 * best.evidence.score
            and measured.evidence.matches.score >= 0.9 * best.evidence.matches.score
        ):
            alternatives = best.evidence.alternatives
            best = dataclasses.replace(
                measured, evidence=dataclasses.replace(measured.evidence, alternatives=alternatives)
            )
        if best.a_from_b is None:
            return best
        evidence = dataclasses.replace(
            best.evidence,
            displaced=alignment_evidence.measure_displaced_matches(self._pair, best.a_from_b),
            stretch=alignment_evidence.measure_stretch(
                best.a_from_b, self._pair.size_a, self._pair.size_b
            ),
        )
        return dataclasses.replace(best, evidence=evidence)


def _better(candidate: Candidate, other: Candidate) -> Candidate:
    """The candidate whose evidence makes it likelier to be right."""
    if confidence.log_odds(other.evidence) > confidence.log_odds(candidate.evidence):
        return other
    return candidate
