"""Cameras: decomposition of homographies of a known motion, lens distortion, and bad input."""

import cv2
import numpy as np
import pytest

from keras_homography import geometry
from keras_homography.geometry import cameras
from keras_homography.utils.errors import UserError

CAMERA = np.array([[500.0, 0, 320], [0, 520, 240], [0, 0, 1]])
OTHER = np.array([[700.0, 0, 400], [0, 690, 300], [0, 0, 1]])


def motion(seed):
    """A rotation, a translation in units of the plane's distance, and a plane before camera A."""
    generator = np.random.default_rng(seed)
    rotation = cv2.Rodrigues(generator.uniform(-0.2, 0.2, 3))[0]
    normal = np.array([*generator.uniform(-0.4, 0.4, 2), 1.0])
    return rotation, generator.uniform(-0.3, 0.3, 3), normal / np.linalg.norm(normal)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("camera_b", [CAMERA, OTHER])
def test_the_true_motion_is_among_at_most_two(seed, camera_b):
    rotation, translation, normal = motion(seed)
    # A point x of the plane has normal @ x = 1.
    homography = camera_b @ (rotation + np.outer(translation, normal)) @ np.linalg.inv(CAMERA)
    found = geometry.decompose(homography / homography[2, 2], CAMERA, camera_b)
    assert 1 <= len(found) <= 2
    distances = [
        np.abs(np.concatenate([m.rotation.ravel(), m.translation, m.normal])
               - np.concatenate([rotation.ravel(), translation, normal])).max()
        for m in found
    ]  # fmt: skip
    assert min(distances) < 1e-6
    for m in found:  # each of them is that homography
        again = camera_b @ (m.rotation + np.outer(m.translation, m.normal)) @ np.linalg.inv(CAMERA)
        np.testing.assert_allclose(again / again[2, 2], homography / homography[2, 2], atol=1e-6)


def test_they_are_those_of_opencv_that_opencv_lets_see_the_plane():
    rotation, translation, normal = motion(3)
    homography = CAMERA @ (rotation + np.outer(translation, normal)) @ np.linalg.inv(CAMERA)
    _, rotations, translations, normals = cv2.decomposeHomographyMat(homography, CAMERA)
    points = np.float32([[[200, 150]], [[420, 150]], [[420, 330]], [[200, 330]]])
    rays_a = cv2.undistortPoints(points, CAMERA, None)
    moved = cv2.perspectiveTransform(points, homography)
    rays_b = cv2.undistortPoints(moved, CAMERA, None)
    seen = cv2.filterHomographyDecompByVisibleRefpoints(rotations, normals, rays_a, rays_b)
    found = geometry.decompose(homography, CAMERA)
    assert len(found) == len(seen)
    for m, index in zip(found, seen.ravel(), strict=True):
        np.testing.assert_allclose(m.rotation, rotations[index], atol=1e-6)
        np.testing.assert_allclose(m.translation, translations[index].ravel(), atol=1e-6)


def test_a_camera_that_only_turned_moves_nowhere():
    rotation = motion(1)[0]
    (found,) = geometry.decompose(CAMERA @ rotation @ np.linalg.inv(CAMERA), CAMERA)
    np.testing.assert_allclose(found.rotation, rotation, atol=1e-6)
    assert not found.translation.any()


def test_a_distorted_grid_is_straight_again():
    distortion = np.array([-0.3, 0.1, 1e-3, -1e-3, 0.0])
    ideal = np.zeros([480, 640], np.uint8)
    ideal[::40], ideal[:, ::40] = 255, 255
    ideal = cv2.GaussianBlur(ideal, (0, 0), 2.0)
    # What the lens makes of it: each pixel of the photo shows an undistorted place.
    y, x = np.indices(ideal.shape, dtype=np.float32)
    places = cv2.undistortPoints(
        np.stack([x, y], -1).reshape(-1, 1, 2), CAMERA, distortion, P=CAMERA
    ).reshape(480, 640, 2)
    photo = cv2.remap(ideal, places[..., 0], places[..., 1], cv2.INTER_LINEAR)
    undistorted, visible = cameras.undistort(photo, CAMERA, distortion)
    inner = np.s_[60:420, 80:560]
    assert visible[inner].all()
    after = np.abs(undistorted[inner].astype(int) - ideal[inner])
    before = np.abs(photo[inner].astype(int) - ideal[inner])
    assert after.mean() < 0.2 * before.mean()


@pytest.mark.parametrize(
    "camera", [np.zeros([3, 3]), np.eye(4), np.diag([500.0, 0, 1]), "none", np.full([3, 3], np.nan)]
)
def test_a_singular_camera_is_refused(camera):
    with pytest.raises(UserError, match=r"camera_matrix_b must be .*focal lengths above 0"):
        geometry.decompose(np.eye(3), CAMERA, camera)


@pytest.mark.parametrize("homography", [np.zeros([3, 3]), np.eye(2), "matrix"])
def test_what_is_no_homography_is_refused(homography):
    with pytest.raises(UserError, match="homography must be"):
        geometry.decompose(homography, CAMERA)


def test_coefficients_are_as_many_as_opencv_takes():
    with pytest.raises(UserError, match="distortion must be 4, 5, 8, 12 or 14"):
        cameras.undistort(np.zeros([32, 32], np.uint8), CAMERA, [0.1, 0.2, 0.3])
