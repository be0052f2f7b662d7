"""What the attacks share."""

import keras
import pytest

import keras_homography
from keras_homography import models


@pytest.fixture(scope="module")
def small_estimator():
    """With a network that costs nothing and knows nothing: what follows it is under attack."""
    keras.utils.set_random_seed(0)
    model = models.build("homographynet", patch_size=32, rho=8, width=0.05)
    return keras_homography.HomographyEstimator(model)
