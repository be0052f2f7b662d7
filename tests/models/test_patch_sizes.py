"""A network of any size that the strides divide: trained, exported, and used on whole images."""

import cv2
import numpy as np
import pytest

import keras_homography
from keras_homography import models
from keras_homography.saving import networks, tflite_format


@pytest.mark.long
@pytest.mark.parametrize("patch_size", [64, 192, 256])
def test_is_trained_exported_and_used(patch_size, tmp_path):
    rng = np.random.default_rng(0)
    pairs = rng.uniform(0, 255, [4, patch_size, patch_size, 2]).astype(np.float32)
    model = models.build("homographynet", patch_size=patch_size, rho=patch_size // 4, width=0.05)
    trained = keras_homography.compile(model)
    trained.fit(pairs, rng.uniform(-8, 8, [4, 4, 2]).astype(np.float32), verbose=0)

    tflite_format.write(model, tmp_path / "model.tflite")
    network = networks.open_network(tmp_path / "model.tflite")
    assert network.patch_size == patch_size
    np.testing.assert_allclose(network(pairs[:1]), model(pairs[:1]), atol=1e-3)

    texture = rng.uniform(0, 255, [40, 50, 3]).astype(np.float32)
    scene = cv2.resize(texture, (500, 400), interpolation=cv2.INTER_CUBIC).clip(0, 255)
    estimator = keras_homography.HomographyEstimator(tmp_path / "model.tflite")
    result = estimator.estimate(scene[:360, :450], scene[6:366, 9:459])
    np.testing.assert_allclose(result.a_from_b, [[1, 0, 9], [0, 1, 6], [0, 0, 1]], atol=0.05)
