"""What the tests of registration share: the shipped networks, opened once, and larger images."""

import pytest
import tensorflow as tf

import keras_homography
from keras_homography.data import synthetic_images
from keras_homography.saving import feature_networks


@pytest.fixture(scope="session")
def estimator():
    return keras_homography.HomographyEstimator()


@pytest.fixture(scope="session")
def matcher():
    return feature_networks.open_matcher()


@pytest.fixture(scope="session")
def scenes():
    """Two generated images, uint8 `[600, 800]`."""
    seeds = [tf.constant([2, number], tf.int64) for number in (1, 3)]
    return [synthetic_images.draw_image(seed, 600, 800).numpy()[..., 0] for seed in seeds]
