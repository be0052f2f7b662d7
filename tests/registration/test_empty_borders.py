"""Borders without content, against the quadrilateral that OpenCV warped an image to."""

import cv2
import numpy as np
import pytest

from keras_homography.geometry import arrays
from keras_homography.registration import empty_borders

SIZE = 240, 180


@pytest.fixture(scope="module")
def image(images):
    return cv2.resize(images[0, ..., 0], SIZE).clip(20, 230)


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("degrees", [0, 12, 45, -30])
def test_a_rotated_image_is_the_content(image, degrees, value):
    matrix = np.vstack([cv2.getRotationMatrix2D((120, 90), degrees, 0.8), [0, 0, 1]])
    warped = cv2.warpPerspective(image, matrix, SIZE, borderValue=value)
    noisy = warped + np.random.default_rng(0).normal(0, 2, warped.shape)
    content = empty_borders.find_content(np.clip(np.round(noisy), 0, 255).astype(np.uint8))
    quad = arrays.transform_points(matrix, arrays.corners(SIZE) - 0.5)
    expected = cv2.fillConvexPoly(np.zeros(SIZE[::-1], np.uint8), np.round(quad).astype(int), 1) > 0
    # But for where the border ends in an acute angle at the edge of the image.
    assert (content & ~expected).sum() <= 0.003 * expected.sum()
    assert content.sum() > 0.85 * expected.sum()


def test_letterboxes_are_no_content(image):
    boxed = image.copy()
    boxed[:20] = boxed[-20:] = 0
    content = empty_borders.find_content(boxed)
    assert not content[:20].any()
    assert not content[-20:].any()
    assert content[24:-24].all()


def test_dark_and_bright_parts_of_a_scene_are_content(image):
    assert empty_borders.find_content(image) is None
    skyline = image.copy()
    for left, top in ((0, 60), (60, 100), (120, 30), (180, 80)):
        skyline[:top, left : left + 60] = 255
    assert empty_borders.find_content(skyline) is None
    spots = image.copy()
    cv2.circle(spots, (0, 90), 40, 0, -1)
    assert empty_borders.find_content(spots) is None


@pytest.mark.parametrize("value", [0, 128, 255])
def test_uniform_images_have_no_borders(value):
    assert empty_borders.find_content(np.full((30, 40), value, np.uint8)) is None


@pytest.mark.parametrize("seed", range(5))
def test_the_content_is_the_hull_of_all_that_is_not_border(seed):
    """The oracle takes all pixels, not the ends of the rows."""
    points = np.random.default_rng(seed).integers(20, [300, 220], (12, 2)).astype(np.int32)
    content = cv2.fillConvexPoly(np.zeros((240, 320), np.uint8), cv2.convexHull(points), 1)
    content = cv2.morphologyEx(content, cv2.MORPH_OPEN, np.ones((9, 9), np.uint8))
    y, x = np.nonzero(content)
    hull = cv2.convexHull(np.stack([x, y], axis=-1).astype(np.int32))
    filled = cv2.fillConvexPoly(np.zeros_like(content), hull, 1)
    expected = cv2.erode(filled, np.ones((7, 7), np.uint8)).astype(bool)
    found = empty_borders._inside(content == 0)
    np.testing.assert_array_equal(found, expected)
