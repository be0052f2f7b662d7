"""What videos are compared with: KLT from frame to frame, and a robust fit to the points of A."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import numpy.typing as npt

_POINTS, _QUALITY, _MIN_DISTANCE = 500, 0.01, 7  # of `cv2.goodFeaturesToTrack`
_WINDOW, _MAX_LEVEL = (21, 21), 3  # of `cv2.calcOpticalFlowPyrLK`
_THRESHOLD = 3.0  # pixels, of MAGSAC++
_MIN_SHARE = 0.5  # of the points that were detected: with fewer, new ones are
_MIN_INLIERS = 15  # below it, a homography is chance more often than not


def track(
    image_a: npt.NDArray[np.uint8], frames: Iterable[npt.NDArray[np.uint8]]
) -> Iterator[npt.NDArray[np.float64] | None]:
    """Register the frames of a video, beginning near A, to A.

    Args:
      image_a: `[height, width]`.
      frames: the same, each.

    Yields:
      `a_from_b`, float64 `[3, 3]`, pixels of the frame to pixels of A; None with fewer than 15
      inliers.
    """
    points_a = points = _detect(image_a)
    previous, detected = image_a, len(points)
    for frame in frames:
        a_from_b = None
        if len(points):
            points, found, _ = cv2.calcOpticalFlowPyrLK(
                previous, frame, points, None, winSize=_WINDOW, maxLevel=_MAX_LEVEL
            )
            tracked = found.ravel() == 1
            points_a, points = points_a[tracked], points[tracked]
        if len(points) >= _MIN_INLIERS:
            a_from_b, mask = cv2.findHomography(points, points_a, cv2.USAC_MAGSAC, _THRESHOLD)
            if a_from_b is not None and mask.sum() < _MIN_INLIERS:
                a_from_b = None
        if a_from_b is not None and len(points) < _MIN_SHARE * detected:
            points = _detect(frame)
            detected = len(points)
            points_a = cv2.perspectiveTransform(points, a_from_b)
        previous = frame
        yield a_from_b


def _detect(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Points that can be tracked, `[n, 1, 2]`, pixels."""
    points = cv2.goodFeaturesToTrack(image, _POINTS, _QUALITY, _MIN_DISTANCE)
    return np.empty([0, 1, 2], np.float32) if points is None else points
