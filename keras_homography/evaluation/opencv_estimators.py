"""OpenCV's estimators, each a function `(patch_a, patch_b) -> h4pt`, tuned for small patches.

`patch_a` and `patch_b` are uint8 `[size, size]`, gray levels; `h4pt` is float64 `[4, 2]`, pixels of
the patch (conventions: see `geometry`), or None where an estimator finds nothing. To add one:

    from keras_homography import baselines, evaluate, programs

    baselines.ESTIMATORS["mine"] = lambda patch_a, patch_b: ...
    programs.run(evaluate.main)

How they were tuned: on 200 pairs of other photos than results are given for, protocol `coco128`,
clean, `photometric` and `occlusion`, for the share under 1 px and the mean together. OpenCV's
defaults are made for photos; on a patch of 128 they find too few keypoints. What no user would
believe is not returned: see `h4pt_from_matrix`.
"""

import functools

import cv2
import numpy as np

from keras_homography.geometry import arrays

_RANSAC = (cv2.RANSAC, 3.0)
# MAGSAC++ weighs the residuals below its threshold, RANSAC only counts them: less is better here.
_MAGSAC = (cv2.USAC_MAGSAC, 1.0)


def _is_believable(quad, square):
    """Whether a quad `[4, 2]` is convex, as seen by a camera, and near the square it comes from."""
    ahead = np.roll(quad, -1, axis=0) - quad
    following = np.roll(ahead, -1, axis=0)
    doubled_areas = ahead[:, 0] * following[:, 1] - ahead[:, 1] * following[:, 0]
    return doubled_areas.min() > 0.0 and np.abs(quad - square).max() <= square.max()


def h4pt_from_matrix(a_from_b, size):
    """The corner offsets of a matrix from OpenCV.

    Args:
      a_from_b: float `[3, 3]`, pixels to pixels, or None.
      size: side of the patch, in pixels.

    Returns:
      float64 `[4, 2]`, pixels; None if there is no matrix, or it sends the patch to a quad that is
      not convex or has a corner moved by more than a side of the patch: four times what any pair
      of ours is made with.
    """
    if a_from_b is None:
        return None
    square = arrays.corners((size, size))
    quad = cv2.perspectiveTransform(square[None], np.asarray(a_from_b, np.float64))[0]
    return quad - square if _is_believable(quad, square) else None


def identity(patch_a, patch_b):
    """No motion: what every estimator has to beat."""
    return np.zeros((4, 2))


def orb():
    """ORB with up to 1,000 keypoints, also weak ones and ones near the border. Matches are mutual
    nearest neighbors, which did better than any ratio test."""
    detector = cv2.ORB.create(nfeatures=1000, fastThreshold=5, edgeThreshold=8, patchSize=16)
    return detector, cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match


def _make_akaze():
    """OpenCV's constructor of AKAZE, wherever this version has it; None if it has not."""
    extra = getattr(cv2, "xfeatures2d", None)
    return getattr(cv2, "AKAZE_create", None) or getattr(extra, "AKAZE_create", None)


class AtDoubleSize:
    """A detector that sees patches at twice their size, as SIFT does by itself."""

    def __init__(self, detector):
        self._detector = detector

    def detectAndCompute(self, patch, mask):  # noqa: N802, the name that OpenCV's detectors have
        """Keypoints, in pixels of the patch, and descriptors."""
        enlarged = cv2.resize(patch, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        keypoints, descriptors = self._detector.detectAndCompute(enlarged, mask)
        for keypoint in keypoints:
            x, y = keypoint.pt
            keypoint.pt = ((x + 0.5) / 2 - 0.5, (y + 0.5) / 2 - 0.5)
        return keypoints, descriptors


def akaze():
    """AKAZE at twice the size and with a threshold of 1e-5, a hundredth of the default, for more
    keypoints: 633 instead of 57 a patch. Matches as ORB's. Measured with OpenCV 4.14 on 80 clean
    pairs of other photos: a median error of 0.63 px, 3.9 px without either.
    """
    detector = AtDoubleSize(_make_akaze()(threshold=1e-5))
    return detector, cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match


def sift():
    """SIFT that also keeps keypoints of low contrast (0.01; the default is 0.04). Matches pass a
    ratio test of 0.8."""

    def match(descriptors_b, descriptors_a):
        nearest = cv2.BFMatcher(cv2.NORM_L2).knnMatch(descriptors_b, descriptors_a, k=2)
        pairs = [pair for pair in nearest if len(pair) == 2]
        return [first for first, second in pairs if first.distance < 0.8 * second.distance]

    return cv2.SIFT.create(contrastThreshold=0.01), match


def from_features(make_features, robust_fit, patch_a, patch_b):
    """Keypoints, matches, and a robust fit: an estimator once its first two arguments are bound.

    Args:
      make_features: function that returns an OpenCV detector and a function from the descriptors
        of B and of A to matches.
      robust_fit: `(method, threshold)` of `cv2.findHomography`, the threshold in pixels.
      patch_a: uint8 `[size, size]`.
      patch_b: uint8 `[size, size]`.

    Returns:
      `h4pt`, float64 `[4, 2]`, or None: fewer than four matches, or no consistent four.
    """
    detector, match = make_features()
    keypoints_a, descriptors_a = detector.detectAndCompute(patch_a, None)
    keypoints_b, descriptors_b = detector.detectAndCompute(patch_b, None)
    if min(len(keypoints_a), len(keypoints_b)) < 4:
        return None
    matches = match(descriptors_b, descriptors_a)
    if len(matches) < 4:
        return None
    points_a = np.array([keypoints_a[match.trainIdx].pt for match in matches], np.float32)
    points_b = np.array([keypoints_b[match.queryIdx].pt for match in matches], np.float32)
    try:
        a_from_b, _ = cv2.findHomography(points_b, points_a, *robust_fit)
    except cv2.error:  # raised for some degenerate sets of points
        return None
    return h4pt_from_matrix(a_from_b, len(patch_a))


def _align(patch_a, patch_b, a_from_b, motion, steps, precision, blur):
    """ECC from a start, float64 `[3, 3]`. Raises `cv2.error` where it does not converge."""
    start = a_from_b if motion == cv2.MOTION_HOMOGRAPHY else a_from_b[:2]
    criteria = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, steps, precision)
    _, found = cv2.findTransformECC(
        patch_b, patch_a, start.astype(np.float32), motion, criteria, None, blur
    )
    return found if motion == cv2.MOTION_HOMOGRAPHY else np.vstack([found, [0, 0, 1]])


def ecc(patch_a, patch_b):
    """Enhanced correlation (Evangelidis & Psarakis 2008) from the identity: up to 100 steps, to
    1e-6 of the correlation, OpenCV's blur of 5 pixels."""
    try:
        a_from_b = _align(patch_a, patch_b, np.eye(3), cv2.MOTION_HOMOGRAPHY, 100, 1e-6, 5)
    except cv2.error:
        return None
    return h4pt_from_matrix(a_from_b, len(patch_a))


def ecc_pyramid(patch_a, patch_b):
    """ECC from coarse to fine: a translation at 16 pixels, an affine motion at 32, homographies
    from 32 to the full size, doubling; up to 50 steps each, to 1e-4, without blur. A level that
    does not converge leaves what there is; None if none does."""
    size = len(patch_a)
    levels = [(16, cv2.MOTION_TRANSLATION), (32, cv2.MOTION_AFFINE)]
    level = 32
    while level <= size:
        levels.append((level, cv2.MOTION_HOMOGRAPHY))
        level *= 2
    a_from_b, converged = np.eye(3), False
    for side, motion in levels:
        small_from_full = arrays.resizing((size, size), (side, side))
        start = small_from_full @ a_from_b @ np.linalg.inv(small_from_full)
        small_a, small_b = (
            cv2.resize(patch, (side, side), interpolation=cv2.INTER_AREA)
            for patch in (patch_a, patch_b)
        )
        try:
            found = _align(small_a, small_b, start / start[2, 2], motion, 50, 1e-4, 1)
        except cv2.error:
            continue
        a_from_b, converged = np.linalg.inv(small_from_full) @ found @ small_from_full, True
    return h4pt_from_matrix(a_from_b, size) if converged else None


ESTIMATORS = {
    "identity": identity,
    "orb_ransac": functools.partial(from_features, orb, _RANSAC),
    "orb_magsac": functools.partial(from_features, orb, _MAGSAC),
    "akaze_ransac": functools.partial(from_features, akaze, _RANSAC),
    "akaze_magsac": functools.partial(from_features, akaze, _MAGSAC),
    "sift_ransac": functools.partial(from_features, sift, _RANSAC),
    "sift_magsac": functools.partial(from_features, sift, _MAGSAC),
    "ecc": ecc,
    "ecc_pyramid": ecc_pyramid,
}


def why_unavailable(name):
    """Why the installed OpenCV cannot run an estimator of this name; None if it can."""
    if name in ("akaze_ransac", "akaze_magsac") and _make_akaze() is None:
        return (
            f"The installed OpenCV {cv2.__version__} has no AKAZE. OpenCV 4 has it in "
            "opencv-python, OpenCV 5 in opencv-contrib-python: install one of them, or leave AKAZE "
            "out."
        )
    return None
