"""Refinement of candidates for the homography of two images, and the evidence for them.

Gray levels are the most precise where they agree; without local light they agree in a shadow, too;
matches of dense features correct what no gray levels can.
"""

import dataclasses

import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import (
    alignment_evidence,
    image_pyramid,
    match_evidence,
    view_matching,
)
from keras_homography.registration.alignment_evidence import DISAGREES, NOT_CLOSE
from keras_homography.registration.candidate import NEARLY, NO_CANDIDATE, Candidate, better
from keras_homography.registration.evidence import NO_EVIDENCE

SUFFICIENT_CONFIDENCE = 0.97  # at which no other initialization is tried
_HOPELESS = 0.01  # confidence below which a candidate is not corrected
_NOT_WORTH_REFINING = 1e-3  # confidence below which the best is not refined finely
_COARSE_STEPS, _FINE_STEPS = 12, 5  # of Lucas–Kanade a level, up to the comparison level and beyond
_FINE_CORRECTIONS = 2  # by matches of the largest views
_CLEARLY_CLOSER = 0.98  # of a disagreement
_REGIONS_DISAGREE = 0.15  # left out with them: less in any light, more with a tenth occluded
# Share of the matches: at most 0.15 on right answers, at least 0.7 on scenes in one frame.
_RIVALS = 0.5


class CandidateRefinement:
    """Refines candidates of one pair, and measures the evidence for them.

    Args:
      matcher: maps an image to dense features.
      pair: the images.
      features_b: of B, computed by the matcher.
    """

    def __init__(
        self,
        matcher: view_matching.FeatureNetwork,
        pair: image_pyramid.ImagePair,
        features_b: view_matching.ImageFeatures,
    ) -> None:
        self._pair = pair
        self._aligned = match_evidence.AlignedMatcher(matcher, pair, features_b)

    def _measure(self, name: str | None, a_from_b: np.ndarray | None) -> Candidate:
        """A candidate with its evidence; `NO_CANDIDATE` if it is not plausible."""
        if a_from_b is not None:
            a_from_b = self._pair.project(a_from_b)
        evidence = alignment_evidence.measure_evidence(self._pair, a_from_b)
        if a_from_b is None or evidence is NO_EVIDENCE:
            return NO_CANDIDATE
        aligned = self._aligned.match(a_from_b)
        evidence = dataclasses.replace(evidence, matches=aligned.evidence())
        return Candidate(name, a_from_b, evidence, aligned)

    def _is_plausible(self, a_from_b: np.ndarray) -> bool:
        return alignment_evidence.is_plausible(a_from_b, self._pair.size_a, self._pair.size_b)

    def refine_coarse(self, name: str, a_from_b: np.ndarray | None) -> Candidate:
        """Refine an initialization up to the comparison level.

        Refinement can destroy what is right, so the initialization stays a candidate; and the
        matches that remain once the images are aligned correct what gray levels cannot.
        """
        if a_from_b is None:
            return NO_CANDIDATE
        refined = self._measure(name, self._refine(a_from_b))
        if refined.probability > SUFFICIENT_CONFIDENCE:
            return refined
        best = better(refined, self._measure(name, a_from_b))
        best = better(best, self._measure(name, self._refine_in_other_light(a_from_b, refined)))
        if best.aligned is None or best.probability < _HOPELESS:
            return best
        corrected = self._measure(name, best.aligned.correction())
        if corrected.a_from_b is None:
            return best
        best = better(best, corrected)
        refined = self._measure(name, self._refine(corrected.a_from_b))
        best = better(best, refined)
        other = self._refine_in_other_light(corrected.a_from_b, refined)
        return better(best, self._measure(name, other))

    def _refine(self, a_from_b: np.ndarray) -> np.ndarray | None:
        """Refine by all pixels, and where whole regions disagree also by those that do not.

        All pixels lead to the right place from farther away; what is occluded leads astray.

        Args:
          a_from_b: to be refined.

        Returns:
          The closest of what the one, the other, and one after the other lead to.
        """
        pair = self._pair
        closest = pair.refine_to_comparison_level(a_from_b, _COARSE_STEPS)
        if closest is not None:
            comparison = pair.compare(closest)
            if (
                comparison.disagreement() < NOT_CLOSE
                or comparison.left_out_share() < _REGIONS_DISAGREE
            ):
                return closest
            other = pair.refine(closest, [pair.comparison_level], _COARSE_STEPS, by_regions=True)
            closest = other if self._is_clearly_closer(other, closest) else closest
        other = pair.refine_to_comparison_level(a_from_b, _COARSE_STEPS, by_regions=True)
        return other if self._is_clearly_closer(other, closest) else closest

    def _refine_in_other_light(self, a_from_b: np.ndarray, refined: Candidate) -> np.ndarray | None:
        """Refine without local light, where gray levels misled: in a shadow with a hard edge.

        Args:
          a_from_b: to be refined.
          refined: what gray levels made of it.

        Returns:
          The refined `a_from_b`; None if it explains the images no better than that.
        """
        pair = self._pair.without_local_light
        other = pair.refine_to_comparison_level(a_from_b, _COARSE_STEPS)
        return other if self._is_clearly_closer(other, refined.a_from_b) else None

    def _is_clearly_closer(self, matrix: np.ndarray | None, other: np.ndarray | None) -> bool:
        """Whether the images disagree less under one matrix, whatever the light."""
        if matrix is None or other is None:
            return matrix is not None
        pair = self._pair.without_local_light
        return pair.disagreement(matrix) < _CLEARLY_CLOSER * pair.disagreement(other)

    def _correct_finely(self, a_from_b: np.ndarray) -> match_evidence.AlignedMatches:
        """Correct a homography by matches of the largest views, while more of them agree.

        Returns:
          The matches under the best homography, which they hold.
        """
        best = self._aligned.match_finely(a_from_b)
        for _ in range(_FINE_CORRECTIONS):
            corrected = best.correction()
            if corrected is not None:
                corrected = self._pair.project(corrected)
            if corrected is None or not self._is_plausible(corrected):
                break
            aligned = self._aligned.match_finely(corrected)
            if aligned.evidence().score < best.evidence().score:
                break
            best = aligned
        return best

    def find_turned_rival(self, best: Candidate) -> np.ndarray | None:
        """Find out whether A upside down, within its outline, matches B about as well.

        Then what matches is the outline, a frame that two scenes share, or a scene that looks the
        same when it is turned.

        Returns:
          The homography of A upside down; None if it matches far less.
        """
        if best.a_from_b is None or not best.evidence.matches.agreeing:
            return None
        width, height = self._pair.size_a
        half_turn = np.array([[-1, 0, width - 1], [0, -1, height - 1], [0, 0, 1]], np.float64)
        turned = arrays.normalize(half_turn @ best.a_from_b)
        if turned is None:
            return None
        control = self._aligned.match(turned).evidence()
        return turned if control.agreeing > _RIVALS * best.evidence.matches.agreeing else None

    def refine_fine(self, best: Candidate) -> Candidate:
        """Refine a candidate at full resolution, unless that destroys it; complete its evidence."""
        if best.a_from_b is None or best.probability < _NOT_WORTH_REFINING:
            return self._complete_evidence(best)
        best = self._come_closer(best)
        if best.is_refined_by_gray:
            best = self._refine_gray_finely(best)
        else:
            best = self._refine_matches_finely(best)
        return self._complete_evidence(best)

    def _come_closer(self, best: Candidate) -> Candidate:
        """Correct a candidate by matches of the largest views, then by gray levels, where it helps.

        Gray levels that change with light, or that something covers, can stop short of it.
        """
        assert best.a_from_b is not None
        is_close = best.evidence.misalignment < NOT_CLOSE
        if is_close or best.probability > SUFFICIENT_CONFIDENCE:
            return best
        corrected = self._correct_finely(best.a_from_b).a_from_b
        for a_from_b in (corrected, self._refine(corrected)):
            other = self._measure(best.initialization, a_from_b).with_rivals(best.rivals)
            best = better(best, other)
        return best

    def _refine_gray_finely(self, best: Candidate) -> Candidate:
        """Refine by gray levels at full resolution."""
        assert best.a_from_b is not None
        if self._pair.comparison_level == 0:
            return best
        refined = self._pair.refine_to_full_resolution(best.a_from_b, _FINE_STEPS)
        disagreement = self._pair.disagreement(best.a_from_b)
        if disagreement > NOT_CLOSE:
            other = self._pair.refine_to_full_resolution(
                best.a_from_b, _FINE_STEPS, by_regions=True
            )
            refined = other if self._is_clearly_closer(other, refined) else refined
        if disagreement > DISAGREES:
            pair = self._pair.without_local_light
            other = pair.refine_to_full_resolution(best.a_from_b, _FINE_STEPS)
            refined = other if self._is_clearly_closer(other, refined) else refined
        measured = self._measure(best.initialization, refined)
        # Finer levels only sharpen what is right; what they destroy was not.
        if (
            measured.evidence.score >= NEARLY * best.evidence.score
            and measured.evidence.matches.score >= NEARLY * best.evidence.matches.score
        ):
            return measured.with_rivals(best.rivals)
        return best

    def _refine_matches_finely(self, best: Candidate) -> Candidate:
        """Refine by matches of the largest views."""
        assert best.a_from_b is not None
        aligned = self._correct_finely(best.a_from_b)
        measured = self._measure(best.initialization, aligned.a_from_b)
        return measured.with_rivals(best.rivals).with_fine_matches(aligned)

    def _complete_evidence(self, best: Candidate) -> Candidate:
        """Add what is measured of the best candidate alone: displaced parts, and the stretch."""
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
