"""`HomographyEstimator`: the homography between two images of any size, or a reason why not."""

import os
import time
import warnings
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from keras_homography.registration import (
    candidate_refinement,
    candidate_search,
    empty_borders,
    image_pyramid,
    masks,
    motion_models,
    refusals,
    uncertainty,
    view_matching,
)
from keras_homography.registration.agreement import map_agreement
from keras_homography.registration.motion_models import Motion
from keras_homography.registration.result import Estimate, PointMatches
from keras_homography.saving import feature_networks, networks
from keras_homography.utils import image_input
from keras_homography.utils.deprecation import renamed_arguments
from keras_homography.utils.errors import UserError

if TYPE_CHECKING:
    import keras


class HomographyEstimator:
    """Estimates homographies between images of any size.

        estimator = keras_homography.HomographyEstimator()
        result = estimator.estimate(image_a, image_b)
        if result.ok:
            overlaid = cv2.warpPerspective(image_a, result.homography, size_of_b)
        else:
            print(result.reason)

    A network gives the initialization, from both images at its size; Lucas–Kanade refines it up a
    pyramid to full resolution. Where that does not explain the images well, another network, the
    matcher, finds matches of dense features: of the images, then of views of them, turned, reduced
    and tilted. It also checks every answer: once the images are aligned, matches stay in place.

    Threads may share an estimator; they take turns at the network. It can be pickled.

    Args:
      model: the path of a `.tflite` or `.keras` file or of a SavedModel's folder, the name of a
        shipped model, or a `keras.Model`; None for the shipped TFLite file, which needs no
        TensorFlow.
      matcher: the same for the network that matches; None for the shipped one.
      min_confidence: 0 to 1; an estimate below it is refused.
      max_attempts: number of initializations that are tried before a pair is refused. 100 for views
        from far aside.
      max_seconds: after which no attempt begins; None for no limit, so that answers do not depend
        on the speed of the machine.
      num_threads: threads of a TFLite file; None for LiteRT's default.
      trust: open the model's file whatever it contains and wherever it comes from.

    Raises:
      UserError: the model cannot be read or is not trusted, or a number is out of its range.
    """

    @renamed_arguments(least_confidence="min_confidence", threads="num_threads", trusted="trust")
    def __init__(
        self,
        model: "str | os.PathLike[str] | keras.Model | None" = None,
        *,
        matcher: "str | os.PathLike[str] | keras.Model | None" = None,
        min_confidence: float = 0.5,
        max_attempts: int = 10,
        max_seconds: float | None = None,
        num_threads: int | None = None,
        trust: bool = False,
    ) -> None:
        if not 0.0 <= min_confidence <= 1.0:
            raise UserError(f"min_confidence must be in 0..1; got {min_confidence}.")
        if max_attempts < 1:
            raise UserError(f"max_attempts must be at least 1; got {max_attempts}.")
        if max_seconds is not None and not max_seconds > 0:
            raise UserError(f"max_seconds must be above 0, or None; got {max_seconds}.")
        self._network = networks.open_network(model, num_threads, trust)
        self._matcher = feature_networks.open_matcher(matcher, num_threads, trust)
        self._min_confidence = min_confidence
        self._max_attempts, self._max_seconds = max_attempts, max_seconds

    @renamed_arguments(start="initial_a_from_b")
    def estimate(
        self,
        image_a: npt.ArrayLike,
        image_b: npt.ArrayLike,
        *,
        initial_a_from_b: npt.ArrayLike | Estimate | None = None,
        mask_a: npt.ArrayLike | None = None,
        mask_b: npt.ArrayLike | None = None,
        motion: str = "homography",
        agreement: bool = False,
    ) -> Estimate:
        """Estimate the homography between two images.

        Args:
          image_a: uint8, uint16 or float (0..255), `[height, width]` or `[height, width, 1, 3 or
            4]`, RGB.
          image_b: the same; its size may differ.
          initial_a_from_b: a homography to be tried first, `[3, 3]`, from pixels of B to pixels of
            A; or an earlier result, as of the previous frame, ignored if it was refused.
          mask_a: bool or uint8 `[height, width]` of A, not 0 where it counts, as OpenCV's masks;
            what is masked takes no part. None for all of it.
          mask_b: the same of B.
          motion: "translation", "similarity", "affine" or "homography": fewer numbers are estimated
            where less is possible.
          agreement: also map where the images agree: `result.agreement`.

        Returns:
          The homography, or the reason why no reliable one was found.

        Raises:
          UserError: an argument is no such image, mask or matrix.
        """
        start_time = time.perf_counter()
        gray_a = image_input.as_gray(image_a, "image_a")
        gray_b = image_input.as_gray(image_b, "image_b")
        counts_a, counts_b = (
            empty_borders.find_what_counts(gray, masks.check_mask(mask, gray.shape[::-1], name))
            for gray, mask, name in ((gray_a, mask_a, "mask_a"), (gray_b, mask_b, "mask_b"))
        )
        initial = _initial_matrix(initial_a_from_b)
        model = motion_models.check(motion)
        best, attempts = candidate_refinement.NO_CANDIDATE, 0
        covariance = agreement_map = None
        refusal = refusals.check_sizes(gray_a, gray_b)
        if refusal is None:
            pair = image_pyramid.ImagePair(gray_a, gray_b, counts_a, counts_b, model)
            refusal = refusals.check_texture(pair)
            if refusal is None:
                best, attempts = self._search(pair, initial)
                refusal = refusals.check_evidence(best.evidence, self._min_confidence)
                if refusal is not None and model is not Motion.HOMOGRAPHY:
                    free = image_pyramid.ImagePair(gray_a, gray_b, counts_a, counts_b)
                    if self._search(free, initial)[0].probability >= self._min_confidence:
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
        self, pair: image_pyramid.ImagePair, initial: np.ndarray | None
    ) -> tuple[candidate_search.Candidate, int]:
        """The best candidate for a pair, and how many initializations were tried."""
        deadline = None
        if self._max_seconds is not None:
            deadline = time.monotonic() + self._max_seconds
        budget = candidate_search.Budget(self._max_attempts, deadline)
        search = candidate_search.Search(self._network, self._matcher, pair, budget)
        best = search.find_best(initial)
        return best, search.attempts

    def match(self, image_a: npt.ArrayLike, image_b: npt.ArrayLike) -> PointMatches:
        """Match points of two images by dense features, without a verdict.

        Args:
          image_a: as of `estimate`.
          image_b: the same.

        Returns:
          The matches, none for images that are too small or have no texture.

        Raises:
          UserError: an argument is no such image.
        """
        gray_a = image_input.as_gray(image_a, "image_a")
        gray_b = image_input.as_gray(image_b, "image_b")
        if refusals.check_sizes(gray_a, gray_b) is None:
            pair = image_pyramid.ImagePair(
                gray_a,
                gray_b,
                empty_borders.find_what_counts(gray_a),
                empty_borders.find_what_counts(gray_b),
            )
            if refusals.check_texture(pair) is None:
                views = view_matching.ViewMatcher(
                    view_matching.ImageFeatures(self._matcher, pair.pyramid_a),
                    view_matching.ImageFeatures(self._matcher, pair.pyramid_b),
                )
                best = views.find_best(self._max_attempts)
                found = best.matches
                return PointMatches(found.points_a, found.points_b, found.scores, best.inliers)
        nothing = np.empty([0, 2], np.float32)
        return PointMatches(nothing, nothing, np.empty(0, np.float32), np.empty(0, bool))

    def estimate_many(
        self, pairs: Iterable[tuple[npt.ArrayLike, npt.ArrayLike]]
    ) -> Iterator[Estimate]:
        """Estimate the homographies of many pairs. Deprecated: call `estimate` in a loop.

        Args:
          pairs: iterable of `(image_a, image_b)`.

        Returns:
          An iterator over the results.
        """
        warnings.warn(
            "estimate_many(pairs) is deprecated: call estimate(image_a, image_b) in a loop.",
            DeprecationWarning,
            stacklevel=2,
        )
        return (self.estimate(image_a, image_b) for image_a, image_b in pairs)

    def estimate_sequence(
        self, image_a: npt.ArrayLike, frames: Iterable[npt.ArrayLike]
    ) -> Iterator[Estimate]:
        """Register the frames of a video to one image, each initialized by the frame before.

        Args:
          image_a: the image to which all are registered.
          frames: images; each is B in its turn.

        Yields:
          The result of each frame.
        """
        previous = None
        for frame in frames:
            result = self.estimate(image_a, frame, initial_a_from_b=previous)
            if result.ok:
                previous = result
            yield result


def _initial_matrix(initial_a_from_b: npt.ArrayLike | Estimate | None) -> np.ndarray | None:
    """The matrix to be tried first, float64 `[3, 3]`, or None."""
    if isinstance(initial_a_from_b, Estimate):
        return initial_a_from_b.a_from_b
    if initial_a_from_b is None:
        return None
    try:
        matrix = np.asarray(initial_a_from_b, np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
        raise UserError(
            "initial_a_from_b must be a finite matrix of shape (3, 3) or an earlier Estimate; got "
            f"{initial_a_from_b!r:.80}."
        )
    return matrix
