"""Estimators of whole images behind one signature: ours, and OpenCV's at their best settings."""

import dataclasses
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from keras_homography.registration import feature_matching
from keras_homography.registration.estimator import HomographyEstimator
from keras_homography.saving import pretrained
from keras_homography.utils.errors import UserError

HOMOGRAPHY_ESTIMATOR = "estimator"
_KEYPOINTS = 8000
_MAX_RATIO = 0.85
_MAGSAC_THRESHOLD, _MAGSAC_ITERATIONS = 2.0, 20_000
_MIN_INLIERS = 15


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """What an estimator says of two images.

    Attributes:
      b_from_a: float64 `[3, 3]`, pixels of A to pixels of B: the best it found; None if nothing.
      answered: whether it stands by it.
      confidence: higher is surer: a probability, or of keypoints the number of inliers.
      reason: why it refuses; None if it answers or does not say.
      reason_code: the same for programs.
    """

    b_from_a: np.ndarray | None
    answered: bool
    confidence: float
    reason: str | None = None
    reason_code: str | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class ImageEstimator:
    """An estimator of pairs of images of any size.

    Attributes:
      name: as the user wrote it.
      estimate: function of two images, uint8 `[height, width, 3]`, RGB.
    """

    name: str
    estimate: Callable[[np.ndarray, np.ndarray], Answer]


def _match_and_fit(detector: cv2.Feature2D, image_a: np.ndarray, image_b: np.ndarray) -> Answer:
    gray_a, gray_b = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (image_a, image_b))
    keypoints_a, descriptors_a = detector.detectAndCompute(gray_a, None)
    keypoints_b, descriptors_b = detector.detectAndCompute(gray_b, None)
    if min(len(keypoints_a), len(keypoints_b)) < _MIN_INLIERS:
        return Answer(None, False, 0.0, "too few keypoints")
    # k-d trees: comparing all descriptors with all would take most of the time.
    matcher = cv2.FlannBasedMatcher({"algorithm": 1, "trees": 4}, {"checks": 128})
    descriptors_a, descriptors_b = map(feature_matching.root_sift, (descriptors_a, descriptors_b))
    nearest = matcher.knnMatch(descriptors_a, descriptors_b, k=2)
    matches = [
        best[0]
        for best in nearest
        if len(best) == 2 and best[0].distance < _MAX_RATIO * best[1].distance
    ]
    if len(matches) < _MIN_INLIERS:
        return Answer(None, False, 0.0, "too few matches")
    points_a = np.array([keypoints_a[match.queryIdx].pt for match in matches], np.float32)
    points_b = np.array([keypoints_b[match.trainIdx].pt for match in matches], np.float32)
    try:
        b_from_a, mask = cv2.findHomography(
            points_a,
            points_b,
            cv2.USAC_MAGSAC,
            _MAGSAC_THRESHOLD,
            maxIters=_MAGSAC_ITERATIONS,
            confidence=0.9999,
        )
    except cv2.error:  # raised for some degenerate sets of points
        b_from_a = None
    if b_from_a is None:
        return Answer(None, False, 0.0, "degenerate matches")
    inliers = int(mask.sum())
    answered = inliers >= _MIN_INLIERS
    return Answer(b_from_a, answered, float(inliers), None if answered else "too few inliers")


def rootsift_magsac(image_a: np.ndarray, image_b: np.ndarray) -> Answer:
    """Match 8,000 RootSIFT keypoints and fit by MAGSAC++ (Barath et al. 2020).

    It answers from 15 inliers on: fewer are chance more often than not.

    Args:
      image_a: uint8 `[height, width, 3]`, RGB.
      image_b: the same; its size may be another.
    """
    return _match_and_fit(_sift(), image_a, image_b)


def affine_sift(image_a: np.ndarray, image_b: np.ndarray) -> Answer:
    """Match keypoints of simulated tilts of both images (ASIFT, Morel and Yu 2009), then as above.

    Takes seconds to a minute and more a pair. Arguments as of `rootsift_magsac`.
    """
    return _match_and_fit(cv2.AffineFeature.create(_sift()), image_a, image_b)


def _sift() -> cv2.SIFT:
    return cv2.SIFT.create(nfeatures=_KEYPOINTS, contrastThreshold=0.01)


def identity(image_a: np.ndarray, image_b: np.ndarray) -> Answer:
    """Answer that nothing moved."""
    return Answer(np.eye(3), True, 0.0)


RIVALS: dict[str, Callable[[np.ndarray, np.ndarray], Answer]] = {
    "rootsift_magsac": rootsift_magsac,
    "affine_sift": affine_sift,
    "identity": identity,
}


def _from_homography_estimator(name: str, estimator: HomographyEstimator) -> ImageEstimator:
    def estimate(image_a: np.ndarray, image_b: np.ndarray) -> Answer:
        result = estimator.estimate(image_a, image_b)
        best = result.best_a_from_b
        b_from_a = None if best is None else np.linalg.inv(best)
        return Answer(b_from_a, result.ok, result.confidence, result.reason, result.reason_code)

    return ImageEstimator(name, estimate)


def open_image_estimators(
    names: Sequence[str],
    num_threads: int | None = None,
    trust: bool = False,
    matcher: str = "matcher",
    max_attempts: int = 10,
) -> list[ImageEstimator]:
    """Open estimators of whole images by their names.

    Args:
      names: "estimator" (`HomographyEstimator`), keys of `RIVALS`, "all" for these, or a network
        for `HomographyEstimator`: a `.keras` or `.tflite` file or the name of a shipped one.
      num_threads: of a network; None for LiteRT's default.
      trust: open a model's file whatever it contains and wherever it comes from.
      matcher: of `HomographyEstimator`, a shipped name or path.
      max_attempts: of `HomographyEstimator`.

    Raises:
      UserError: a name is unknown or given twice, or a model cannot be used.
    """
    every = (HOMOGRAPHY_ESTIMATOR, *RIVALS)
    expanded = [part for name in names for part in (every if name == "all" else (name,))]
    if len(set(expanded)) < len(expanded) or not expanded:
        raise UserError(f"Give each estimator once; got {','.join(names)}.")
    opened = []
    for name in expanded:
        if name in RIVALS:
            opened.append(ImageEstimator(name, RIVALS[name]))
            continue
        model = None
        if name != HOMOGRAPHY_ESTIMATOR:
            model = pretrained.resolve_model(name, (".tflite", ".keras"))
        estimator = HomographyEstimator(
            model,
            matcher=matcher,
            max_attempts=max_attempts,
            num_threads=num_threads,
            trust=trust,
        )
        opened.append(_from_homography_estimator(name, estimator))
    return opened
