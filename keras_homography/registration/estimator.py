"""Two real images -> the homography between them, in their own pixels, or a reason why not."""

import dataclasses
import time

import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import (
    alignment_evidence,
    confidence,
    image_pyramid,
    initialization,
    result,
)
from keras_homography.saving import networks
from keras_homography.utils import image_input
from keras_homography.utils.errors import UserError

_MIN_SIDE = 16  # pixels
_MIN_TEXTURE = 0.02  # share of windows
_SURE = 0.97  # confidence with which no other start is tried
_LOOKS = 2  # of the network at what its own answer, or another's, has aligned
_STEPS, _STEPS_ABOVE = 12, 5  # of refinement where a start is pixels away, and on finer levels


class HomographyEstimator:
    """Estimates homographies between images of any size.

        estimator = keras_homography.HomographyEstimator()
        result = estimator.estimate(image_a, image_b)
        if result:
            overlaid = cv2.warpPerspective(image_a, result.homography, size_of_b)

    A network gives the start, on both images at its size; Lucas–Kanade takes it up a pyramid to the
    images' own pixels. What does not explain the pixels well is tried from other starts: turned,
    zoomed, and from keypoints. Several threads may share one; they take turns at the network.
    """

    def __init__(self, model=None, least_confidence=0.5, threads=None, trusted=False):
        """Args:
          model: of `networks.open_network`; None is the shipped TFLite file, which needs no
            TensorFlow.
          least_confidence: below which an estimate is falsy, 0 to 1.
          threads: to run a TFLite file on; None for LiteRT's default.
          trusted: open the model's file whatever it holds: see `trust`.

        Raises:
          ValueError: the model cannot be read or is not trusted, or a number is out of its range.
        """
        if not 0.0 <= least_confidence <= 1.0:
            raise UserError(f"least_confidence must be in 0..1; got {least_confidence}.")
        self._network = networks.open_network(model, threads, trusted)
        self._least_confidence = least_confidence

    def estimate(self, image_a, image_b, start=None):
        """Estimates one homography.

        Args:
          image_a: uint8, uint16 or float (0..255), `[height, width]` or `[height, width, 1, 3 or
            4]`, RGB.
          image_b: the same; its size may be another.
          start: `a_from_b` to try first, `[3, 3]`, as of the frame before; or None.

        Returns:
          `Estimate`.

        Raises:
          ValueError: an argument is no such image or matrix.
        """
        began = time.perf_counter()
        gray_a, gray_b = (
            image_input.as_gray(image_a, "image_a"),
            image_input.as_gray(image_b, "image_b"),
        )
        if start is not None:
            start = np.asarray(start, np.float64)
            if start.shape != (3, 3) or not np.isfinite(start).all():
                raise UserError("start must be a finite matrix of shape (3, 3).")
        reason = _rejection_reason(gray_a, gray_b)
        if reason:
            return _refusal(reason, began)
        pair = image_pyramid.ImagePair(gray_a, gray_b)
        for name, pyramid in (("A", pair.pyramid_a), ("B", pair.pyramid_b)):
            gray = pyramid[alignment_evidence.comparison_level(pyramid)]
            if alignment_evidence.textured_share(gray) < _MIN_TEXTURE:
                return _refusal(f"image {name} has too little texture", began)

        best = self._search(pair, start)
        if not best.evidence.agreeing:
            return _refusal("nothing in the two images fits together", began)
        judged = alignment_evidence.comparison_level(pair.pyramid_b)
        finer = pair.refine(best.a_from_b, range(judged - 1, -1, -1), _STEPS_ABOVE)
        finer = _Candidate(best.start, finer, alignment_evidence.measure_evidence(pair, finer))
        # Finer levels only sharpen what is right; what they destroy was not.
        if finer.evidence.score >= 0.9 * best.evidence.score:
            best = finer
        evidence = alignment_evidence.measure_displaced_matches(pair, best.a_from_b, best.evidence)
        best = dataclasses.replace(best, evidence=evidence)
        if best.probability < self._least_confidence:
            return _refusal(confidence.reason(evidence), began, best)
        return result.Estimate(
            b_from_a=arrays.normalize(np.linalg.inv(best.a_from_b)),
            a_from_b=best.a_from_b,
            confidence=best.probability,
            reason=None,
            evidence=evidence,
            start=best.start,
            milliseconds=1e3 * (time.perf_counter() - began),
        )

    def estimate_many(self, pairs):
        """Estimates the homographies of many pairs, one after the other.

        Args:
          pairs: iterable of `(image_a, image_b)`.

        Yields:
          `Estimate`.
        """
        for image_a, image_b in pairs:
            yield self.estimate(image_a, image_b)

    def estimate_sequence(self, image_a, frames):
        """Registers the frames of a video, each from where the frame before was.

        Args:
          image_a: to which all are registered.
          frames: iterable of images, each B in its turn.

        Yields:
          `Estimate`.
        """
        start = None
        for frame in frames:
            result = self.estimate(image_a, frame, start)
            start = result.a_from_b if result else start
            yield result

    def _starts(self, pair, start):
        """Groups of `(name, function that gives a_from_b)`, the cheap ones first."""
        size_a, size_b = (arrays.image_size(g[0]) for g in (pair.pyramid_a, pair.pyramid_b))

        def network(**view):
            return lambda: initialization.from_network(self._network, pair, **view)

        if start is not None:
            yield [("previous", lambda: start)]
        yield [
            ("network", network()),
            ("identity", lambda: np.eye(3) if size_a == size_b else None),
        ]
        yield [("features", lambda: initialization.from_features(pair))]
        yield [
            *((f"turned {90 * turns}", network(turns=turns)) for turns in (1, 2, 3)),
            ("zoomed into A", network(zoom_a=2)),
            ("zoomed into B", network(zoom_b=2)),
        ]

    def _search(self, pair, start):
        """The best of all starts, refined as far as photos are judged."""
        best = _NO_CANDIDATE
        for group in self._starts(pair, start):
            for name, propose in group:
                best = _better(best, _try(pair, name, propose()))
            for _ in range(_LOOKS):
                if not best.evidence.agreeing or best.probability > _SURE:
                    break
                again = initialization.from_network_after_alignment(
                    self._network, pair, best.a_from_b
                )
                before, best = best, _better(best, _try(pair, best.start, again))
                if best is before:
                    break
            if best.probability > _SURE:
                break
        return best


@dataclasses.dataclass(frozen=True)
class _Candidate:
    """A start, what refinement made of it, and what speaks for that."""

    start: str | None
    a_from_b: np.ndarray | None
    evidence: alignment_evidence.Evidence

    @property
    def probability(self):
        return confidence.probability(self.evidence)


_NO_CANDIDATE = _Candidate(None, None, alignment_evidence.NO_EVIDENCE)


def _better(candidate, other):
    return other if other.evidence.score > candidate.evidence.score else candidate


def _try(pair, start, a_from_b):
    """The candidate that a start becomes at the level where photos are judged."""
    if (
        a_from_b is None
        or alignment_evidence.measure_evidence(pair, a_from_b) is alignment_evidence.NO_EVIDENCE
    ):
        return _NO_CANDIDATE
    levels = range(pair.coarsest, alignment_evidence.comparison_level(pair.pyramid_b) - 1, -1)
    refined = pair.refine(a_from_b, levels, _STEPS)
    return _Candidate(start, refined, alignment_evidence.measure_evidence(pair, refined))


def _rejection_reason(gray_a, gray_b):
    for name, gray in (("A", gray_a), ("B", gray_b)):
        if min(gray.shape) < _MIN_SIDE:
            return (
                f"image {name} is too small: {gray.shape[1]}x{gray.shape[0]}, where "
                f"{_MIN_SIDE}x{_MIN_SIDE} is the least"
            )
    return None


def _refusal(reason, began, best=_NO_CANDIDATE):
    milliseconds = 1e3 * (time.perf_counter() - began)
    return result.Estimate(
        None, None, best.probability, reason, best.evidence, best.start, milliseconds
    )
