"""The estimation of one pair: search, verdict, and what else is asked for."""

import dataclasses
import time

import numpy as np

from keras_homography.registration import (
    candidate_search,
    image_pyramid,
    refusals,
    uncertainty,
    view_matching,
)
from keras_homography.registration.agreement import map_agreement
from keras_homography.registration.candidate import NO_CANDIDATE, Candidate
from keras_homography.registration.motion_models import Motion
from keras_homography.registration.references import Reference
from keras_homography.registration.result import Estimate
from keras_homography.saving import networks


@dataclasses.dataclass(frozen=True, eq=False)
class PairEstimator:
    """Estimates the homography of prepared pairs.

    Attributes:
      network: maps a pair of patches to corner offsets.
      matcher: maps an image to dense features.
      min_confidence: 0 to 1; an estimate below it is refused.
      max_attempts: number of initializations that are tried before a pair is refused.
      max_seconds: after which no attempt begins; None for no limit.
    """

    network: networks.Network
    matcher: view_matching.FeatureNetwork
    min_confidence: float
    max_attempts: int
    max_seconds: float | None

    def estimate(
        self,
        reference: Reference,
        image_b: image_pyramid.PreparedImage,
        *,
        start_time: float,
        initial_a_from_b: np.ndarray | None = None,
        motion: Motion = Motion.HOMOGRAPHY,
        agreement: bool = False,
    ) -> Estimate:
        """Estimate the homography of a pair.

        Args:
          reference: image A.
          image_b: image B.
          start_time: of `time.perf_counter`, from which milliseconds are counted.
          initial_a_from_b: `[3, 3]`, to be tried first; or None.
          motion: the model of the motion.
          agreement: also map where the images agree.

        Returns:
          The homography, or the reason why no reliable one was found.
        """
        best, attempts = NO_CANDIDATE, 0
        covariance = agreement_map = None
        refusal = refusals.check_sizes(reference.gray, image_b.pyramid[0])
        if refusal is None:
            pair = image_pyramid.ImagePair(reference.image, image_b, motion=motion)
            refusal = refusals.check_texture(pair)
            if refusal is None:
                best, attempts = self._search(pair, initial_a_from_b, reference)
                refusal = refusals.check_evidence(best.evidence, self.min_confidence)
                if refusal is not None and motion is not Motion.HOMOGRAPHY:
                    free = image_pyramid.ImagePair(reference.image, image_b)
                    other, _ = self._search(free, initial_a_from_b, reference)
                    if other.probability >= self.min_confidence:
                        refusal = refusals.OTHER_MOTION
                if refusal is None:
                    covariance = uncertainty.corner_covariance(pair, best)
                if agreement and best.a_from_b is not None:
                    agreement_map = map_agreement(pair, best.a_from_b)
        return Estimate(
            best_a_from_b=best.a_from_b,
            confidence=best.probability,
            reason=refusal.sentence if refusal else None,
            reason_code=refusal.code if refusal else None,
            evidence=best.evidence,
            start=best.initialization,
            milliseconds=1e3 * (time.perf_counter() - start_time),
            attempts=attempts,
            alternatives=best.rivals,
            covariance=covariance,
            agreement=agreement_map,
        )

    def _search(
        self, pair: image_pyramid.ImagePair, initial: np.ndarray | None, reference: Reference
    ) -> tuple[Candidate, int]:
        """The best candidate for a pair, and how many initializations were tried."""
        deadline = None
        if self.max_seconds is not None:
            deadline = time.monotonic() + self.max_seconds
        budget = candidate_search.Budget(self.max_attempts, deadline)
        search = candidate_search.Search(
            self.network, self.matcher, pair, budget, reference.features
        )
        best = search.find_best(initial)
        return best, search.attempts
