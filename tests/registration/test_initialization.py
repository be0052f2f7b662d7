"""The initialization by a network: what it sees, and what becomes of its answer."""

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
