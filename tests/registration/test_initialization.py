"""Initializations: patches of a network against OpenCV, features against homographies of OpenCV."""

import dataclasses

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import corner_error, warped_pair

from keras_homography.geometry import arrays
from keras_homography.registration import image_pyramid, initialization


@dataclasses.dataclass
class FixedNetwork:
    """A network that always predicts the same corner offsets, and keeps what it was shown."""

    h4pt: np.ndarray
    patch_size: int = 64
    shown: np.ndarray | None = None

    def __call__(self, pairs):
        self.shown = pairs
        return np.asarray(self.h4pt, np.float32)[None]


NO_MOTION = np.zeros([4, 2])


@pytest.fixture(scope="module")
def image(images):
    return images[0, ..., 0]


def test_a_network_sees_images_of_its_size_as_they_are_and_its_corners_are_kept(image):
    a, b, expected = warped_pair(image, 1, reach=8.0, size=(64, 64))
    square = arrays.corners((64, 64))
    network = FixedNetwork(arrays.transform_points(expected, square) - square)
    a_from_b = initialization.from_network(network, image_pyramid.ImagePair(a, b))
    np.testing.assert_array_equal(network.shown, np.stack([a, b], axis=-1)[None])
    assert corner_error(a_from_b, expected, (64, 64)) < 1e-3


def test_a_network_sees_each_image_reduced_to_its_size(image):
    """No motion between the patches is the change of size between the images."""
    network = FixedNetwork(NO_MOTION, patch_size=40)
    b = np.ascontiguousarray(image[:80, :120])
    a_from_b = initialization.from_network(network, image_pyramid.ImagePair(image[:160, :240], b))
    reduced = cv2.resize(b, (40, 40), interpolation=cv2.INTER_AREA)
    assert np.abs(network.shown[0, ..., 1] - reduced).mean() < 3.0
    edges = np.array([[0, 0], [120, 80]]) - 0.5
    twice = np.array([[0, 0], [240, 160]]) - 0.5
    np.testing.assert_allclose(arrays.transform_points(a_from_b, edges), twice, atol=1e-6)


def test_a_network_without_an_answer_gives_none(image):
    network = FixedNetwork(np.full([4, 2], np.nan))
    pair = image_pyramid.ImagePair(image, image)
    assert initialization.from_network(network, pair) is None


@pytest.mark.parametrize("seed", range(3))
def test_features_find_a_known_homography(image, seed):
    a, b, expected = warped_pair(image, seed, reach=25.0)
    a_from_b = initialization.from_features(image_pyramid.ImagePair(a, b))
    assert corner_error(a_from_b, expected, (240, 160)) < 1.5


def test_features_find_a_turned_and_enlarged_image(image):
    turned = np.rot90(image[60:180, 80:240])
    b = cv2.resize(turned, (240, 320), interpolation=cv2.INTER_CUBIC)
    crop_from_turned = np.array([[0, -1, 159], [1, 0, 0], [0, 0, 1]], np.float64)
    a_from_crop = np.array([[1, 0, 80], [0, 1, 60], [0, 0, 1]], np.float64)
    expected = a_from_crop @ crop_from_turned @ arrays.resizing((240, 320), (120, 160))
    a_from_b = initialization.from_features(image_pyramid.ImagePair(image, b))
    assert corner_error(a_from_b, expected, (240, 320)) < 1.5


def test_features_of_large_images_are_in_their_own_pixels(image):
    large = cv2.resize(image, (1280, 960), interpolation=cv2.INTER_CUBIC)
    expected = arrays.resizing((320, 240), (1280, 960))
    a_from_b = initialization.from_features(image_pyramid.ImagePair(large, image))
    assert corner_error(a_from_b, expected, (320, 240)) < 2.0


def test_without_keypoints_or_matches_there_is_no_homography(image, images):
    uniform = np.full_like(image, 100)
    for a, b in ((image, uniform), (uniform, image), (image[:20, :20], images[1, :20, :20, 0])):
        pair = image_pyramid.ImagePair(np.ascontiguousarray(a), np.ascontiguousarray(b))
        assert initialization.from_features(pair) is None


def test_the_parameters_are_opencvs_magsac():
    generator = np.random.default_rng(0)
    for number in range(20):
        source = generator.uniform(0, 800, [int(generator.integers(8, 400)), 2])
        square = arrays.corners((800, 600)).astype(np.float32)
        moves = generator.uniform(-150, 150, [4, 2]).astype(np.float32)
        matrix = cv2.getPerspectiveTransform(square, square + moves)
        target = arrays.transform_points(matrix, source) + generator.normal(0, 0.7, source.shape)
        wrong = generator.random(len(source)) < generator.uniform(0.0, 0.8)
        target[wrong] = generator.uniform(0, 800, [wrong.sum(), 2])
        source, target = source.astype(np.float32), target.astype(np.float32)
        expected, _ = cv2.findHomography(source, target, cv2.USAC_MAGSAC, 1.5)
        answer, _ = cv2.findHomography(source, target, initialization._magsac_parameters())
        np.testing.assert_array_equal(answer, expected, err_msg=f"{number}")
