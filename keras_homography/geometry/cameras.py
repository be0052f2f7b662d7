"""Calibrated cameras, in NumPy and OpenCV: lens distortion, and the motion behind a homography."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from keras_homography.geometry import arrays
from keras_homography.utils.errors import UserError

_MIN_FOCAL_LENGTH = 1e-6  # pixels
_NUM_COEFFICIENTS = (4, 5, 8, 12, 14)  # of distortion, as OpenCV takes them
_GRID = 5  # points along each side of an image that a plane is tested at


class HomographyResult(Protocol):
    """What `decompose` needs of a result of `HomographyEstimator`."""

    @property
    def homography(self) -> npt.NDArray[np.float64] | None:
        """Homography from pixels of A to pixels of B; None if refused."""


class PlaneMotion(NamedTuple):
    """How camera B stands to camera A, and the plane that both see.

    A point `x` of the scene, in the frame of camera A, is `rotation @ x + d * translation` in the
    frame of camera B, where `d` is the distance of the plane from camera A.

    Attributes:
      rotation: float64 `[3, 3]`.
      translation: float64 `[3]`, in units of the plane's distance from camera A; 0 if the camera
        only turned.
      normal: float64 `[3]`, of length 1, from camera A towards the plane; 0 if the camera only
        turned, which says nothing about the scene.
    """

    rotation: npt.NDArray[np.float64]
    translation: npt.NDArray[np.float64]
    normal: npt.NDArray[np.float64]


def check_camera_matrix(camera_matrix: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    """Check the matrix of a camera.

    Args:
      camera_matrix: `[3, 3]`, as OpenCV's: focal lengths and principal point, pixels.
      name: what messages call it.

    Returns:
      The matrix, float64.

    Raises:
      UserError: it is not finite, has another shape, or a focal length is not above 0.
    """
    try:
        matrix = np.asarray(camera_matrix, np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    is_camera = (
        matrix.shape == (3, 3)
        and np.isfinite(matrix).all()
        and min(matrix[0, 0], matrix[1, 1]) > _MIN_FOCAL_LENGTH
        and np.array_equal(matrix[[1, 2, 2], [0, 0, 1]], [0, 0, 0])
        and matrix[2, 2] == 1.0
    )
    if not is_camera:
        raise UserError(
            f"{name} must be [[fx, s, cx], [0, fy, cy], [0, 0, 1]] with focal lengths above 0, in "
            f"pixels, as cv2.calibrateCamera returns it; got {camera_matrix!r:.120}."
        )
    return matrix


def check_distortion(distortion: npt.ArrayLike | None) -> npt.NDArray[np.float64]:
    """Check coefficients of lens distortion.

    Args:
      distortion: 4, 5, 8, 12 or 14 numbers, as OpenCV's; None for none.

    Returns:
      float64 `[n]`.

    Raises:
      UserError: they are others, or not finite.
    """
    if distortion is None:
        return np.zeros(5)
    try:
        coefficients = np.asarray(distortion, np.float64).ravel()
    except (TypeError, ValueError):
        coefficients = np.empty(0)
    if len(coefficients) not in _NUM_COEFFICIENTS or not np.isfinite(coefficients).all():
        raise UserError(
            "distortion must be 4, 5, 8, 12 or 14 finite numbers (k1, k2, p1, p2, k3, ...), as "
            f"cv2.calibrateCamera returns them; got {distortion!r:.120}."
        )
    return coefficients


def undistort(
    image: np.ndarray, camera_matrix: npt.ArrayLike, distortion: npt.ArrayLike | None
) -> tuple[np.ndarray, npt.NDArray[np.bool_]]:
    """Remove lens distortion from an image; the camera matrix stays.

    Args:
      image: uint8 or float32 `[height, width]` or `[height, width, c]`.
      camera_matrix: `[3, 3]`, as OpenCV's.
      distortion: as OpenCV's; None for none.

    Returns:
      `(undistorted, visible)`: the image, 0 where the camera saw nothing, and where it saw
      something, bool `[height, width]`.

    Raises:
      UserError: the camera is none.
    """
    matrix = check_camera_matrix(camera_matrix, "camera_matrix")
    size = arrays.image_size(image)
    maps = cv2.initUndistortRectifyMap(
        matrix, check_distortion(distortion), None, matrix, size, cv2.CV_32FC1
    )
    width, height = size
    visible = (maps[0] >= 0) & (maps[0] <= width - 1) & (maps[1] >= 0) & (maps[1] <= height - 1)
    return cv2.remap(image, maps[0], maps[1], cv2.INTER_LINEAR), visible


def decompose(
    homography: HomographyResult | npt.ArrayLike,
    camera_matrix_a: npt.ArrayLike,
    camera_matrix_b: npt.ArrayLike | None = None,
) -> list[PlaneMotion]:
    """Decompose a homography into the motion of the camera and the plane.

        result = estimator.estimate(image_a, image_b)
        for motion in keras_homography.geometry.decompose(result, camera_matrix):
            print(motion.rotation, motion.translation, motion.normal)

    As `cv2.decomposeHomographyMat`, whose four solutions mostly are two once those are left out in
    which the plane lies behind a camera. Which of the two is right, other knowledge must tell: a
    third image, or which way the plane faces.

    Args:
      homography: a result of `HomographyEstimator`; or `[3, 3]`, pixels of A to pixels of B.
      camera_matrix_a: `[3, 3]`, as OpenCV's, of image A without distortion.
      camera_matrix_b: of image B; None for that of A.

    Returns:
      The possible motions; one if the camera only turned.

    Raises:
      UserError: the result is refused, the matrix cannot be inverted, or a camera is none.
    """
    matrix = _check_homography(homography)
    camera_a = check_camera_matrix(camera_matrix_a, "camera_matrix_a")
    camera_b = camera_a
    if camera_matrix_b is not None:
        camera_b = check_camera_matrix(camera_matrix_b, "camera_matrix_b")
    in_rays = np.linalg.inv(camera_b) @ matrix @ camera_a
    _, rotations, translations, normals = cv2.decomposeHomographyMat(in_rays, np.eye(3))
    motions = [
        PlaneMotion(rotation, translation.ravel(), normal.ravel())
        for rotation, translation, normal in zip(rotations, translations, normals, strict=True)
    ]
    rays = _shared_rays(in_rays, camera_a, camera_b)
    return [motion for motion in motions if _is_possible(motion, rays)]


def _check_homography(homography: HomographyResult | npt.ArrayLike) -> npt.NDArray[np.float64]:
    value = getattr(homography, "homography", homography)
    if value is None:
        raise UserError(
            "The result is refused: there is no homography to decompose (result.reason says why)."
        )
    try:
        matrix = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    is_homography = matrix.shape == (3, 3) and np.isfinite(matrix).all()
    if not is_homography or np.linalg.cond(matrix) > 1e12:
        raise UserError(
            "homography must be a result of HomographyEstimator or a finite matrix [3, 3] that can "
            f"be inverted; got {value!r:.80}."
        )
    return matrix


def _shared_rays(
    b_from_a: np.ndarray, camera_a: np.ndarray, camera_b: np.ndarray
) -> Sequence[np.ndarray]:
    """Rays of camera A, `[3]`, towards what both cameras see.

    The images are taken to reach twice as far as their principal points.
    """
    line = np.linspace(0.0, 2.0, _GRID)
    pixels = np.stack(np.meshgrid(line, line), axis=-1).reshape(-1, 2) * camera_a[:2, 2]
    rays = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(camera_a).T
    in_b = rays @ b_from_a.T @ camera_b.T
    sign = np.sign(np.linalg.det(b_from_a))
    before = sign * in_b[:, 2] > 0
    places = in_b[:, :2] / np.where(before, in_b[:, 2], 1.0)[:, None]
    shared = before & (places >= 0).all(axis=1) & (places <= 2.0 * camera_b[:2, 2]).all(axis=1)
    return rays[shared] if shared.any() else rays[before]


def _is_possible(motion: PlaneMotion, rays: Sequence[np.ndarray]) -> bool:
    """Whether the plane lies before camera A, and what both see of it before camera B."""
    if not motion.translation.any():
        return True
    towards = np.asarray(rays) @ motion.normal
    if len(towards) == 0 or np.median(towards) <= 0:
        return False
    points = np.asarray(rays) / np.where(towards > 0, towards, 1.0)[:, None]
    depth = (points @ motion.rotation.T + motion.translation)[:, 2]
    return bool(np.median(depth[towards > 0]) > 0)
