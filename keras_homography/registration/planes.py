"""Several planes of one scene: the homography of each, and the part of B that it explains.

One after another: a homography of all that is left is proposed, also where it is refused as not one
plane. Where it agrees best, a plane begins: homography and region are refined in turns, and the
homography is judged in its region alone. At the end the regions are divided: a pixel belongs to the
plane under which it agrees most.
"""

import dataclasses
import time

import cv2
import numpy as np
import numpy.typing as npt

from keras_homography.geometry import arrays
from keras_homography.registration import image_pyramid, references
from keras_homography.registration.agreement import map_agreement
from keras_homography.registration.image_pyramid import PreparedImage
from keras_homography.registration.pair_estimation import PairEstimator
from keras_homography.registration.result import Estimate, PlaneEstimates

_AGREES = 0.7  # of an agreement map
_COHERENT = 1 / 40  # of the longer side of B: narrower gaps are closed, narrower parts left out
_MARGIN = 1 / 120  # of the longer side: around a region, what is left out of the search for others
_BLUR = 1 / 120  # of the longer side: sigma of the agreement by which regions are divided
_MIN_SHARE = 0.02  # of an image, of a region, and of what is searched
_MAX_GROWTHS, _SETTLED = 6, 0.95  # of a region; overlap with the one before, at its end
_SAME = 3.0  # pixels of A: mean distance in a region, of homographies of one plane

_Region = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True, eq=False)
class _Plane:
    """A plane that was found: `a_from_b`, and where the images agree under it, over B."""

    a_from_b: npt.NDArray[np.float64]
    agreement: npt.NDArray[np.float32]


def estimate_planes(
    estimator: PairEstimator, image_a: PreparedImage, image_b: PreparedImage, max_planes: int
) -> PlaneEstimates:
    """Estimate the homographies of several planes.

    Args:
      estimator: of the homography of a pair.
      image_a: the image A.
      image_b: the image B.
      max_planes: of which the search ends.

    Returns:
      The planes, the largest first.
    """
    search = _Search(estimator, image_a, image_b)
    first = proposal = search.propose()
    for _ in range(2 * max_planes):  # a plane may be found in parts
        is_plane = search.take(proposal)
        if not is_plane or len(search.planes) == max_planes or not search.is_anything_left():
            break
        proposal = search.propose()
    planes = search.divide()
    if planes:
        return PlaneEstimates(planes, None, None)
    return PlaneEstimates((), first.reason, first.reason_code)


class _Search:
    """The search for the planes of one pair.

    Args:
      estimator: of the homography of a pair.
      image_a: the image A.
      image_b: the image B.

    Attributes:
      planes: those that were found.
    """

    def __init__(
        self, estimator: PairEstimator, image_a: PreparedImage, image_b: PreparedImage
    ) -> None:
        self._estimator = estimator
        self._whole = image_pyramid.ImagePair(image_a, image_b)
        self._gray_a, self._gray_b = image_a.pyramid[0], image_b.pyramid[0]
        self._left_a, self._left_b = (
            np.ones(image.pyramid[0].shape, bool) if image.masks is None else image.masks[0].copy()
            for image in (image_a, image_b)
        )
        self._counts_a = self._left_a.copy()
        self._side = max(self._gray_b.shape)
        self.planes: list[_Plane] = []

    def is_anything_left(self) -> bool:
        """Whether enough of both images is left for another plane."""
        return min(self._left_a.mean(), self._left_b.mean()) > _MIN_SHARE

    def propose(self) -> Estimate:
        """Estimate the homography of all that is left."""
        return self._estimate(self._left_a, self._left_b)

    def take(self, proposal: Estimate) -> bool:
        """Take a proposed homography for that of a plane, if it is not refused where it agrees.

        Args:
          proposal: for all that is left, refused or not.

        Returns:
          Whether it is; False as well if there is no homography, or hardly a region.
        """
        if proposal.best_a_from_b is None:
            return False
        left = self._pair(self._left_a, self._left_b)
        region = self._coherent(map_agreement(left, proposal.best_a_from_b))
        # A compromise between two planes agrees in parts of both.
        plane = self._grow(_largest_part(region), proposal.best_a_from_b)
        if plane is None:
            return False
        region = self._coherent(plane.agreement) & self._left_b
        margin = np.ones([2 * round(_MARGIN * self._side) + 1] * 2, np.uint8)
        in_a = self._in_a(region, plane.a_from_b)
        self._left_b &= cv2.dilate(region.astype(np.uint8), margin) == 0
        self._left_a &= cv2.dilate(in_a.astype(np.uint8), margin) == 0
        if all(_distance(plane.a_from_b, p.a_from_b, region) > _SAME for p in self.planes):
            self.planes.append(plane)
        return True

    def _grow(self, region: _Region, a_from_b: np.ndarray) -> _Plane | None:
        """Refine a homography in a region, and the region by the homography, in turns.

        Returns:
          The plane; None if it is refused.
        """
        plane = None
        for _ in range(_MAX_GROWTHS):
            judged = self._judge(region, a_from_b)
            if judged is None or judged.a_from_b is None:
                return None
            a_from_b = judged.a_from_b
            # The whole of the images may have another tone curve than this plane.
            toned_by = self._pair(self._in_a(region, a_from_b), region)
            plane = _Plane(a_from_b, map_agreement(self._whole, a_from_b, toned_by))
            former, region = region, self._coherent(plane.agreement) & self._left_b
            if _overlap(region, former) > _SETTLED:
                break
        return plane

    def divide(self) -> tuple[Estimate, ...]:
        """Divide B among the planes, and judge each in its region.

        Returns:
          Those that are not refused, with their regions, the largest first.
        """
        if not self.planes:
            return ()
        sigma = _BLUR * self._side
        maps = np.stack([np.nan_to_num(plane.agreement) for plane in self.planes])
        best = np.argmax([cv2.GaussianBlur(of_one, (0, 0), sigma) for of_one in maps], axis=0)
        estimates: list[tuple[int, Estimate]] = []
        for number, plane in enumerate(self.planes):
            region = self._coherent(np.where(best == number, plane.agreement, 0.0))
            judged = self._judge(region, plane.a_from_b)
            if judged:
                area = int(np.count_nonzero(region))
                estimates.append((area, dataclasses.replace(judged, region=region)))
        estimates.sort(key=lambda pair: -pair[0])
        return tuple(estimate for _, estimate in estimates)

    def _judge(self, region: _Region, a_from_b: np.ndarray) -> Estimate | None:
        """Estimate a homography anew in a region of B alone; None if the region is too small."""
        in_a = self._in_a(region, a_from_b)
        if min(region.mean(), in_a.mean()) < _MIN_SHARE:
            return None
        return self._estimate(in_a, region, a_from_b)

    def _estimate(
        self, part_a: _Region, part_b: _Region, initial: np.ndarray | None = None
    ) -> Estimate:
        start_time = time.perf_counter()
        image_a, image_b = _only(self._gray_a, part_a), _only(self._gray_b, part_b)
        reference = references.of(self._estimator.matcher, image_a)
        return self._estimator.estimate(
            reference, image_b, start_time=start_time, initial_a_from_b=initial
        )

    def _pair(self, part_a: _Region, part_b: _Region) -> image_pyramid.ImagePair:
        return image_pyramid.ImagePair(_only(self._gray_a, part_a), _only(self._gray_b, part_b))

    def _in_a(self, region: _Region, a_from_b: np.ndarray) -> _Region:
        """The part of A that a region of B shows."""
        size = arrays.image_size(self._gray_a)
        warped = cv2.warpPerspective(region.astype(np.float32), a_from_b, size) > 0.5
        return warped & self._counts_a

    def _coherent(self, agreement: npt.NDArray[np.float32]) -> _Region:
        """Where the images agree, without gaps and without what is narrow."""
        window = np.ones([2 * round(_COHERENT * self._side / 2) + 1] * 2, np.uint8)
        agrees = (np.nan_to_num(agreement) > _AGREES).astype(np.uint8)
        closed = cv2.morphologyEx(agrees, cv2.MORPH_CLOSE, window)
        opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, window)
        return (opened == 1) & np.isfinite(agreement)


def _only(gray: npt.NDArray[np.uint8], part: _Region) -> PreparedImage:
    """Prepare an image of which a part counts."""
    return image_pyramid.prepare(gray, None if part.all() else part)


def _largest_part(region: _Region) -> _Region:
    """The largest connected part of a region."""
    _, labels, statistics, _ = cv2.connectedComponentsWithStats(region.astype(np.uint8))
    areas = statistics[1:, cv2.CC_STAT_AREA]
    return labels == 1 + areas.argmax() if len(areas) else region


def _overlap(region: _Region, other: _Region) -> float:
    """The area that two regions share over that of their union."""
    return float((region & other).sum() / max((region | other).sum(), 1))


def _distance(a_from_b: np.ndarray, other: np.ndarray, region: _Region) -> float:
    """Mean distance of the points of a region under two homographies, pixels of A; 0 of none."""
    if not region.any():
        return 0.0
    points = np.argwhere(region)[:, ::-1].astype(np.float64)
    moved = arrays.transform_points(a_from_b, points) - arrays.transform_points(other, points)
    return float(np.linalg.norm(moved, axis=1).mean())
