"""Small models and what is exported of them, shared by the tests of this folder."""

import keras
import numpy as np
import pytest

from keras_homography import models
from keras_homography.saving import formats, verified_export


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


@pytest.fixture(scope="session")
def matcher():
    """A narrow matcher of random weights."""
    keras.utils.set_random_seed(0)
    return models.build("matcher", width=0.25)


@pytest.fixture(scope="session")
def gray_images(images):
    """A function of a height and a width: two gray images, float32 `[2, height, width, 1]`."""
    return lambda height, width: images[:2, :height, :width].astype(np.float32)


@pytest.fixture(scope="session")
def exported_matcher_with_parity(matcher, gray_images, tmp_path_factory):
    """A folder with a matcher in every format that holds, and what `export` returned."""
    folder = tmp_path_factory.mktemp("matcher")
    inputs = [gray_images(96, 96), gray_images(64, 160)]
    names = [name for name, form in formats.FORMATS.items() if not form.is_optional]
    return folder, verified_export.export(matcher, folder, inputs, names)


@pytest.fixture(scope="session")
def exported_matcher(exported_matcher_with_parity):
    """The folder alone."""
    return exported_matcher_with_parity[0]
