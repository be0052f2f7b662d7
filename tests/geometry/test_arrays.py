"""Laws of the NumPy geometry, with OpenCV and the TensorFlow geometry as oracles."""

import subprocess
import sys

import cv2
import numpy as np
import pytest

from keras_homography import geometry
from keras_homography.geometry import arrays

SIZE = (320, 240)
WITHOUT_TENSORFLOW = """
import sys

sys.modules["tensorflow"] = sys.modules["keras"] = None
import keras_homography
from keras_homography.geometry import arrays

print(arrays.corners((2, 1)).tolist())
"""


@pytest.fixture(scope="module")
def b_from_a():
    square = arrays.corners(SIZE).astype(np.float32)
    offsets = np.random.default_rng(0).uniform(-30, 30, [4, 2]).astype(np.float32)
    return cv2.getPerspectiveTransform(square, square + offsets)


def test_tensorflow_is_not_needed():
    """`sys.modules[...] = None` makes every import of it an ImportError."""
    result = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW], capture_output=True, text=True, check=False
    )
    assert result.stdout == "[[0.0, 0.0], [2.0, 0.0], [2.0, 1.0], [0.0, 1.0]]\n", result.stderr


def test_corners_are_those_of_the_tensors():
    np.testing.assert_array_equal(arrays.corners((8, 8)), geometry.corners(8))


def test_points_are_transformed_as_by_opencv_and_by_the_tensors(b_from_a):
    points = np.random.default_rng(1).uniform(0, 240, [20, 2])
    transformed = arrays.transform_points(b_from_a, points)
    assert transformed.dtype == np.float64
    np.testing.assert_allclose(
        transformed, cv2.perspectiveTransform(points[None], b_from_a)[0], atol=1e-9
    )
    np.testing.assert_allclose(
        transformed, geometry.transform_points(b_from_a, points), rtol=1e-5, atol=1e-3
    )


def test_points_behind_the_horizon_are_far_away():
    matrix = np.array([[1, 0, 0], [0, 1, 0], [-1, 0, 1]], np.float64)  # the horizon is at x = 1
    points = np.array([[1.0, 1.0], [5.0, 1.0]])
    transformed = arrays.transform_points(matrix, points)
    assert np.isfinite(transformed).all()
    assert (transformed >= 1e5).all()


def test_normalize():
    matrix = np.array([[2, 0, 4], [0, 2, 6], [0, 0, 2]], np.float64)
    np.testing.assert_array_equal(arrays.normalize(matrix), matrix / 2)
    np.testing.assert_array_equal(arrays.normalize(-matrix), matrix / 2)
    matrix[2, 2] = 0.0
    assert arrays.normalize(matrix) is None


def test_resizing_is_that_of_the_tensors():
    np.testing.assert_allclose(
        arrays.resizing((320, 240), (480, 60)), geometry.resizing([1.5, 0.25]), atol=1e-6
    )


def test_resizing_equals_cv2_resize():
    """A ramp knows the coordinate that each of its pixels was resized from."""
    ramp = np.tile(np.arange(24, dtype=np.float32), (6, 1))
    resized = cv2.resize(ramp, (36, 6), interpolation=cv2.INTER_LINEAR)[0]
    old_from_new = np.linalg.inv(arrays.resizing((24, 6), (36, 6)))
    columns = np.stack([np.arange(36.0), np.zeros(36)], axis=-1)
    expected = arrays.transform_points(old_from_new, columns)[:, 0]
    np.testing.assert_allclose(resized, np.clip(expected, 0, 23), atol=1e-3)


def test_image_size_is_width_and_height():
    assert arrays.image_size(np.zeros([3, 5])) == (5, 3)
    assert arrays.image_size(np.zeros([3, 5, 4])) == (5, 3)


def test_a_warp_undoes_itself_where_the_image_is(images, b_from_a):
    image = cv2.GaussianBlur(images[0, ..., 0], (0, 0), 3)
    warped, mask = arrays.warp_image(image, b_from_a, SIZE)
    restored, restored_mask = arrays.warp_image(warped, np.linalg.inv(b_from_a), SIZE)
    inner, _ = arrays.warp_image(mask.astype(np.uint8) * 255, np.linalg.inv(b_from_a), SIZE)
    both = restored_mask & (inner == 255)
    assert both.mean() > 0.5
    assert np.abs(restored.astype(float) - image)[both].max() <= 3


def test_the_mask_is_where_the_image_lands():
    image = np.full([10, 20, 3], 7, np.uint8)
    shift = np.array([[1, 0, 4], [0, 1, -3], [0, 0, 1]], np.float64)
    warped, mask = arrays.warp_image(image, shift, (20, 10))
    expected = np.zeros([10, 20], bool)
    expected[:7, 4:] = True
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(warped, 7 * expected[..., None] * np.ones(3, np.uint8))


def test_a_grid_goes_from_edge_to_edge():
    points = arrays.grid((40, 30), 3)
    expected = [[x, y] for y in (0, 15, 30) for x in (0, 20, 40)]
    np.testing.assert_array_equal(points, expected)
