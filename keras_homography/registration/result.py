"""The result of aligning two images."""

import dataclasses
from collections.abc import Sequence
from typing import overload

import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import refusals
from keras_homography.registration.evidence import Evidence


@dataclasses.dataclass(frozen=True, eq=False)
class Estimate:
    """The homography between two images, or why no reliable one was found.

        result = estimator.estimate(image_a, image_b)
        if result.ok:  # or `if result:`
            overlaid = cv2.warpPerspective(image_a, result.homography, size_of_b)
        else:
            print(result.reason)

    Attributes:
      best_a_from_b: float64 `[3, 3]`, pixels of B to pixels of A: the best homography that was
        found, also where it is refused; None if there is none.
      confidence: probability that the mean error of the corners of B is below 3 px, 0 to 1.
      reason: why it is refused, as a sentence; None if it is not.
      reason_code: the same for programs; None if it is not refused.
      evidence: how well `best_a_from_b` explains the images.
      start: the initialization of `best_a_from_b`: "previous", "network", "matches" (of dense
        features), "matches of …" (views), "identity" (of a video's first frame); None if there is
        none.
      milliseconds: duration of the estimation.
      attempts: number of initializations that were tried.
      alternatives: of a scene that repeats itself, the other homographies that explain the images
        as well, float64 `[3, 3]` each, pixels of B to pixels of A.
      covariance: float64 `[8, 8]`, pixels² of A: of `(x, y)` of the corners of B in A, in the
        order top-left, top-right, bottom-right, bottom-left, if the homography is right; None if
        it is refused, or if the images do not determine it.
      agreement: float32 `[height, width]` of B: 1 where aligned A agrees, 0 where it does not (what
        moved, is occluded or changed), NaN where A does not cover B; None if it was not asked for,
        or if there is no homography.
      region: bool `[height, width]` of B: where the plane is, of `estimate_planes`; else None.
    """

    best_a_from_b: np.ndarray | None
    confidence: float
    reason: str | None
    reason_code: refusals.ReasonCode | None
    evidence: Evidence
    start: str | None
    milliseconds: float
    attempts: int = 0
    alternatives: tuple[np.ndarray, ...] = ()
    covariance: np.ndarray | None = None
    agreement: np.ndarray | None = None
    region: np.ndarray | None = None

    @property
    def ok(self) -> bool:
        """Whether the homography can be trusted, as `bool(result)`."""
        return self.reason is None

    def __bool__(self) -> bool:
        return self.ok

    @property
    def a_from_b(self) -> np.ndarray | None:
        """Homography from pixels of B to pixels of A, float64 `[3, 3]`; None if refused."""
        return self.best_a_from_b if self.ok else None

    @property
    def b_from_a(self) -> np.ndarray | None:
        """Homography from pixels of A to pixels of B, float64 `[3, 3]`; None if refused."""
        a_from_b = self.a_from_b
        return None if a_from_b is None else arrays.normalize(np.linalg.inv(a_from_b))

    @property
    def homography(self) -> np.ndarray | None:
        """The same as `b_from_a`, as `cv2.findHomography(points_a, points_b)` returns it."""
        return self.b_from_a

    @property
    def overlap(self) -> float:
        """Share of B that A covers under `best_a_from_b`, 0 to 1."""
        return self.evidence.overlap


@dataclasses.dataclass(frozen=True, eq=False)
class PlaneEstimates(Sequence[Estimate]):
    """The planes that two images show, or why none was found.

        planes = estimator.estimate_planes(image_a, image_b)
        for plane in planes:
            print(plane.homography, plane.region)
        if not planes:
            print(planes.reason)

    Attributes:
      planes: the estimate of each with its region, the largest first, none of them refused.
      reason: why there is none, as a sentence; None if there is one.
      reason_code: the same for programs.
    """

    planes: tuple[Estimate, ...]
    reason: str | None
    reason_code: refusals.ReasonCode | None

    @overload
    def __getitem__(self, index: int) -> Estimate: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Estimate]: ...

    def __getitem__(self, index: int | slice) -> Estimate | Sequence[Estimate]:
        return self.planes[index]

    def __len__(self) -> int:
        return len(self.planes)


@dataclasses.dataclass(frozen=True, eq=False)
class PointMatches:
    """Matched points of two images, as `HomographyEstimator.match` returns them.

        points = estimator.match(image_a, image_b)
        cv2.findHomography(points.points_a, points.points_b, cv2.USAC_MAGSAC, 3.0)

    Attributes:
      points_a: float32 `[n, 2]`, pixels of A.
      points_b: float32 `[n, 2]`, pixels of B.
      scores: float32 `[n]`, 0 to 1: how reliable the features of both points are.
      inliers: bool `[n]`: which of them agree with the homography of most.
    """

    points_a: np.ndarray
    points_b: np.ndarray
    scores: np.ndarray
    inliers: np.ndarray
