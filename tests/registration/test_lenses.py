"""Images of cameras with distorted lenses, made by OpenCV's own model of a lens."""

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import corner_error, warped_pair

from keras_homography import geometry
from keras_homography.geometry import arrays
from keras_homography.utils.errors import UserError

SIZE = 240, 160
CAMERA_A = [[200.0, 0, 119.5], [0, 200.0, 79.5], [0, 0, 1]]
CAMERA_B = [[220.0, 0, 121.0], [0, 215.0, 80.0], [0, 0, 1]]
LENS_A, LENS_B = [-0.35, 0.1, 0, 0, 0], [-0.25, 0.05, 0.002, -0.001, 0]


def through_lens(image, camera, lens):
    """What a camera sees of an undistorted image."""
    x, y = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    pixels = np.stack([x, y], axis=-1).reshape(-1, 1, 2).astype(np.float32)
    places = cv2.undistortPoints(pixels, np.array(camera), np.array(lens), P=np.array(camera))
    return cv2.remap(image, *np.moveaxis(places.reshape(SIZE[1], SIZE[0], 2), -1, 0), 1)


@pytest.fixture(scope="module")
def seen(images):
    """Both images of a pair through lenses; and `a_from_b` without them."""
    a, b, a_from_b = warped_pair(images[0, ..., 0], 5, reach=12.0)
    return through_lens(a, CAMERA_A, LENS_A), through_lens(b, CAMERA_B, LENS_B), a_from_b


def test_the_distortion_of_each_lens_is_removed(estimator, seen):
    a, b, a_from_b = seen
    cameras = {"camera_matrix_b": CAMERA_B, "distortion_b": LENS_B}
    of_a = {"camera_matrix_a": CAMERA_A, "distortion_a": LENS_A}
    result = estimator.estimate(a, b, **of_a, **cameras)
    assert corner_error(result.a_from_b, a_from_b, SIZE) < 0.5
    without = estimator.estimate(a, b)
    assert not without or corner_error(without.a_from_b, a_from_b, SIZE) > 2.0
    reference = estimator.prepare(a, **of_a)
    prepared = estimator.estimate(reference, b, **cameras)
    np.testing.assert_array_equal(prepared.a_from_b, result.a_from_b)
    with pytest.raises(UserError, match="has its camera already"):
        estimator.estimate(reference, b, **of_a)


def test_a_mask_is_of_the_image_as_it_is(estimator, seen):
    a, b, a_from_b = seen
    counts = np.ones(b.shape, bool)
    counts[60:100, 80:160] = False
    covered = np.where(counts, b, 0)
    cameras = {
        "camera_matrix_a": CAMERA_A,
        "distortion_a": LENS_A,
        "camera_matrix_b": CAMERA_B,
        "distortion_b": LENS_B,
    }
    result = estimator.estimate(a, covered, mask_b=counts, agreement=True, **cameras)
    assert corner_error(result.a_from_b, a_from_b, SIZE) < 0.5
    share, _ = geometry.undistort(np.uint8(255) * counts, CAMERA_B, LENS_B)
    assert np.isnan(result.agreement[share < 255]).all()
    assert result.agreement.shape == arrays.image_size(b)[::-1]


@pytest.mark.parametrize(
    ("camera", "says"),
    [
        ({"camera_matrix_b": np.zeros([3, 3])}, "camera_matrix_b must be .*focal lengths above 0"),
        ({"camera_matrix_a": np.eye(2)}, "camera_matrix_a must be"),
        ({"camera_matrix_b": CAMERA_B, "distortion_b": [1, 2]}, "distortion must be 4, 5"),
        ({"distortion_a": LENS_A}, "distortion_a needs camera_matrix_a"),
    ],
)
def test_what_is_no_camera_is_told(estimator, images, camera, says):
    with pytest.raises(UserError, match=says):
        estimator.estimate(images[0], images[0], **camera)
