"""A small model and what is exported of it, shared by the tests of this folder."""

import keras
import numpy as np
import pytest

from keras_homography import models
from keras_homography.saving import verified_export


@pytest.fixture(scope="session")
def small_model():
    """HomographyNet of 32x32 patches; its answers differ from pair to pair by pixels."""
    keras.utils.set_random_seed(0)
    model = models.build("homographynet", patch_size=32, rho=8, width=0.1)
    head = model.get_layer("offsets")
    head.kernel.assign(np.random.default_rng(0).normal(0, 5.0, head.kernel.shape))
    return model


@pytest.fixture(scope="session")
def small_pairs(images):
    """Four pairs of patches, float32 `[4, 32, 32, 2]`."""
    return np.float32([np.dstack([image[:32, :32], image[4:36, 6:38]]) for image in images])


@pytest.fixture(scope="session")
def exported_with_parity(small_model, small_pairs, tmp_path_factory):
    """A folder with all that a run exports, and what `export` returned."""
    folder = tmp_path_factory.mktemp("exported")
    return folder, verified_export.export(small_model, folder, small_pairs)


@pytest.fixture(scope="session")
def exported(exported_with_parity):
    """The folder alone. Tests that change a file copy it."""
    return exported_with_parity[0]
