"""SIFT finds the homographies that OpenCV warped with, in images of any size."""

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import corner_error, warped_pair

from keras_homography.registration import image_pyramid, sift_matching


@pytest.mark.parametrize("scale", [0.5, 1.0, 4.0])
def test_finds_the_homography(images, scale):
    image = cv2.resize(images[0, ..., 0], None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    height, width = image.shape
    size = width * 3 // 4, height * 3 // 4
    a, b, expected = warped_pair(image, 2, reach=0.1 * width, size=size)
    found = sift_matching.find_a_from_b(image_pyramid.ImagePair(a, b))
    assert corner_error(found, expected, size) < 2.0 * max(scale, 1.0)


def test_finds_it_between_what_occludes_half(images):
    a, b, expected = warped_pair(images[0, ..., 0], 5, reach=30.0)
    b[:, 120:] = images[1, : b.shape[0], : b.shape[1] - 120, 0]
    found = sift_matching.find_a_from_b(image_pyramid.ImagePair(a, b))
    assert corner_error(found, expected, (240, 160)) < 4.0


def test_matches_nothing_that_does_not_count(images):
    a, b, _ = warped_pair(images[0, ..., 0], 5, reach=10.0)
    mask = np.zeros(a.shape, bool)
    mask[:20, :20] = True
    assert sift_matching.find_a_from_b(image_pyramid.ImagePair(a, b, mask_a=mask)) is None


@pytest.mark.parametrize("size", [(20, 20), (300, 500)])
def test_finds_nothing_in_uniform_images(size):
    gray = np.full(size, 80, np.uint8)
    assert sift_matching.find_a_from_b(image_pyramid.ImagePair(gray, gray)) is None


def test_finds_nothing_between_different_images(images):
    pair = image_pyramid.ImagePair(images[0, ..., 0], images[1, ..., 0])
    found = sift_matching.find_a_from_b(pair)
    assert found is None or pair.compare(found).precise_share() < 0.02
