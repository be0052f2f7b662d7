"""Register the frames of a video to one image, A: each from the ones before, as long as that holds.

The motion of the frames before predicts the next; Lucas–Kanade refines that, against A itself, so
that nothing drifts. Gray levels verify it: as long as they agree about as well as when the matcher
last verified a frame, what it found then still counts. Else the matcher looks again; and if the
frame is lost, a few initializations are tried, but not as many as for two images of which nothing
is known.
"""

import dataclasses
import time

import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import (
    alignment_evidence,
    confidence,
    image_pyramid,
    match_evidence,
    refusals,
    uncertainty,
)
from keras_homography.registration.agreement_memory import AgreementMemory, RememberingPair
from keras_homography.registration.candidate import Candidate
from keras_homography.registration.evidence import NO_EVIDENCE, Evidence
from keras_homography.registration.motion_models import Motion
from keras_homography.registration.pair_estimation import PairEstimator
from keras_homography.registration.references import Reference
from keras_homography.registration.result import Estimate

_MAX_ATTEMPTS = 3  # of a frame that was lost, unless it is searched for thoroughly
_THOROUGHLY = 30  # frames: how often that happens while nothing is found, beginning with the first
_STEPS = 3  # of Lucas–Kanade a level
# How far the corners may be from where they are expected: so many times as lately, and within these
# shares of the longer side.
_SURPRISES, _MIN_SURPRISE, _MAX_SURPRISE = 4.0, 0.004, 0.04
_NEAR = (
    0.003  # of the longer side: if frames come as near, refinement begins where they are compared
)
_FAR = 0.015  # of the longer side: from as far, refinement needs a second round
_SURPRISE_RATE = 0.2  # of a frame, in their running mean
_MIN_SHARE = 0.4  # of the windows of gray levels: with less, the matcher looks at every frame
_UNDISTURBED = 0.95  # share of the windows: with more, nothing moves otherwise
_HOLDS = 0.8  # of the evidence of gray levels when the matcher last looked
_MAX_FOLLOWED = 30  # frames, after which the matcher looks again
_IDENTITY, _PREVIOUS = "identity", "previous"


class FrameTracker:
    """Registers frames to A, one after another.

    Args:
      reference: A.
      pairs: finds the homography of a frame that is lost; of the first, unless it is near the
        identity.
      motion: the model of the motion between A and a frame.
    """

    def __init__(self, reference: Reference, pairs: PairEstimator, motion: Motion) -> None:
        self._reference, self._pairs, self._motion = reference, pairs, motion
        self._quick_pairs = dataclasses.replace(
            pairs, max_attempts=min(pairs.max_attempts, _MAX_ATTEMPTS)
        )
        self._memory = AgreementMemory()
        self._last: np.ndarray | None = None
        self._before_last: np.ndarray | None = None
        self._verified = NO_EVIDENCE  # when the matcher last looked
        self._followed = 0  # frames since then
        self._lost = 0  # from 1 after a frame that was answered: how many were not, since then
        self._doubts = True  # whether parts of the frames move otherwise
        self._surprise = _MAX_SURPRISE  # lately, of the longer side

    def register(self, frame: image_pyramid.PreparedImage, start_time: float) -> Estimate:
        """Register the next frame.

        Args:
          frame: prepared.
          start_time: of `time.perf_counter`, from which milliseconds are counted.

        Returns:
          Its result. `start` is "previous" if it was tracked, or "identity" for the first.
        """
        result = self._track(frame, self._expect(arrays.image_size(frame.pyramid[0])))
        if result is None:
            result = self._find(frame)
        if result.ok:
            # Two frames in sequence tell the velocity.
            self._before_last = self._last if self._lost == 1 else None
            self._last, self._lost = result.best_a_from_b, 1
        else:
            self._before_last, self._lost = None, self._lost + 1
        return dataclasses.replace(result, milliseconds=1e3 * (time.perf_counter() - start_time))

    def _find(self, frame: image_pyramid.PreparedImage) -> Estimate:
        """The result of a frame that is lost, by a search."""
        pairs = self._pairs if self._lost % _THOROUGHLY == 0 else self._quick_pairs
        result = pairs.estimate(
            self._reference,
            frame,
            start_time=time.perf_counter(),
            initial_a_from_b=self._last,
            motion=self._motion,
        )
        if not result.ok:
            return result
        self._verified, self._followed, self._doubts = result.evidence, 0, True
        # What moves otherwise may have drawn it aside.
        tracked = self._track(frame, result.best_a_from_b)
        if tracked is None or tracked.evidence.agreeing < result.evidence.agreeing:
            return result
        return dataclasses.replace(tracked, start=result.start, attempts=result.attempts)

    def _track(
        self, frame: image_pyramid.PreparedImage, expected: np.ndarray | None
    ) -> Estimate | None:
        """The result of a frame near where it is expected; None if it is lost."""
        if expected is None or refusals.check_sizes(self._reference.gray, frame.pyramid[0]):
            return None
        pair = RememberingPair(self._reference.image, frame, self._motion, self._memory)
        a_from_b = self._refine(pair, expected)
        if a_from_b is not None and _distance(a_from_b, expected, pair) > _FAR * max(pair.size_b):
            a_from_b = self._refine(pair, a_from_b)
        if a_from_b is None:
            return None
        surprise = _distance(a_from_b, expected, pair)
        if surprise > self._max_surprise * max(pair.size_b):
            return None
        evidence = alignment_evidence.measure_evidence(pair, a_from_b, measures_misalignment=False)
        self._doubts = evidence.share < _UNDISTURBED
        holds = self._followed < _MAX_FOLLOWED and _holds(evidence, self._verified)
        evidence = (
            _adopt(evidence, self._verified) if holds else self._verify(pair, a_from_b, evidence)
        )
        probability = confidence.probability(evidence)
        if probability < self._pairs.min_confidence:
            return None
        self._followed = self._followed + 1 if holds else 0
        self._verified = self._verified if holds else evidence
        pair.remember(a_from_b)
        self._surprise += _SURPRISE_RATE * (surprise / max(pair.size_b) - self._surprise)
        name = _IDENTITY if self._last is None else _PREVIOUS
        candidate = Candidate(name, a_from_b, evidence)
        return Estimate(
            best_a_from_b=a_from_b,
            confidence=probability,
            reason=None,
            reason_code=None,
            evidence=evidence,
            start=name,
            milliseconds=0.0,
            attempts=1,
            covariance=uncertainty.corner_covariance(pair, candidate),
        )

    def _expect(self, size_b: tuple[int, int]) -> np.ndarray | None:
        """`a_from_b` that the frames before predict; of the first, the identity."""
        if self._last is None:
            return np.eye(3) if size_b == arrays.image_size(self._reference.gray) else None
        if self._before_last is None:
            return self._last
        return arrays.normalize(self._last @ np.linalg.inv(self._before_last) @ self._last)

    @property
    def _max_surprise(self) -> float:
        return float(np.clip(_SURPRISES * self._surprise, _MIN_SURPRISE, _MAX_SURPRISE))

    def _refine(self, pair: RememberingPair, expected: np.ndarray) -> np.ndarray | None:
        """Refine the expected homography; None if that diverges."""
        near = self._surprise < _NEAR
        a_from_b = expected if near else pair.refine_coarsely(expected, _STEPS)
        for _ in range(1 + self._doubts):
            if a_from_b is not None and self._doubts:
                pair.follow_most(a_from_b)
            if a_from_b is not None:
                a_from_b = pair.refine(a_from_b, [pair.comparison_level], _STEPS)
        return a_from_b if a_from_b is None else pair.refine_to_full_resolution(a_from_b, _STEPS)

    def _verify(
        self, pair: image_pyramid.ImagePair, a_from_b: np.ndarray, evidence: Evidence
    ) -> Evidence:
        """Complete the evidence of gray levels: by the matcher, and by what matches elsewhere."""
        if evidence is NO_EVIDENCE:
            return evidence
        matches = match_evidence.AlignedMatcher(self._reference.matcher, pair).match(a_from_b)
        return dataclasses.replace(
            evidence,
            matches=matches.evidence(),
            displaced=alignment_evidence.measure_displaced_matches(pair, a_from_b),
            stretch=alignment_evidence.measure_stretch(a_from_b, pair.size_a, pair.size_b),
        )


def _holds(evidence: Evidence, verified: Evidence) -> bool:
    """Whether gray levels agree by themselves, and about as well as when a frame was verified."""
    return (
        verified is not NO_EVIDENCE
        and evidence.share >= max(_MIN_SHARE, _HOLDS * verified.share)
        and evidence.agreeing >= _HOLDS * verified.agreeing
        and evidence.spread >= _HOLDS * verified.spread
    )


def _adopt(evidence: Evidence, verified: Evidence) -> Evidence:
    """The evidence of gray levels, completed by what was found when a frame was verified."""
    return dataclasses.replace(
        evidence,
        matches=verified.matches,
        displaced=verified.displaced,
        stretch=verified.stretch,
        alternatives=verified.alternatives,
    )


def _distance(a_from_b: np.ndarray, other: np.ndarray, pair: image_pyramid.ImagePair) -> float:
    """Mean distance of the corners of B under two homographies, pixels of A."""
    corners = arrays.corners(pair.size_b)
    moved = arrays.transform_points(a_from_b, corners) - arrays.transform_points(other, corners)
    return float(np.linalg.norm(moved, axis=1).mean())
