"""HomographyNet is the paper's network, and every architecture keeps the contract."""

import os
import subprocess
import sys

import keras
import numpy as np
import pytest

from keras_homography import models
from keras_homography.models import homographynet_classifier


@pytest.mark.parametrize("name", sorted(models.ARCHITECTURES))
def test_contract(name):
    model = models.build(name, patch_size=32, rho=8, width=0.1)
    assert model.input_shape == (None, 32, 32, 2)
    assert model.input.dtype == "float32"
    outputs = model.predict(np.full((3, 32, 32, 2), 200.0), verbose=0)
    h4pt = outputs[0] if isinstance(outputs, list) else outputs
    assert h4pt.shape == (3, 4, 2)
    assert h4pt.dtype == np.float32
    assert np.isfinite(h4pt).all()


def test_homographynet_is_the_papers():
    model = models.build("homographynet")
    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.filters for layer in convolutions] == [64] * 4 + [128] * 4
    assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
    pools = [layer for layer in model.layers if isinstance(layer, keras.layers.MaxPooling2D)]
    assert len(pools) == 3
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == 8
    dropouts = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert [layer.rate for layer in dropouts] == [0.5, 0.5]
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [1024, 8]
    assert 34.0e6 < model.count_params() < 34.3e6


@pytest.mark.parametrize("name", ["homographynet", "homographynet_classifier", "mobile"])
def test_an_untrained_network_says_identity(name):
    model = models.build(name, patch_size=32, width=0.1)
    outputs = model(np.ones((1, 32, 32, 2)), training=False)
    h4pt = outputs[0] if isinstance(outputs, list) else outputs
    np.testing.assert_allclose(h4pt, np.zeros((1, 4, 2)), atol=1e-5)


@pytest.mark.parametrize("decoding", homographynet_classifier.DECODINGS)
def test_the_classifier_decodes_its_probabilities(decoding):
    options = {"patch_size": 32, "rho": 10, "width": 0.1, "decoding": decoding}
    model = models.build("homographynet_classifier", **options)
    scores = model.get_layer("scores")
    bias = np.random.default_rng(0).normal(0, 3, scores.bias.shape)
    scores.bias.assign(bias)
    h4pt, probabilities = model(np.ones((2, 32, 32, 2)), training=False)
    assert probabilities.shape == (2, 4, 2, 21)
    expected = np.exp(bias.reshape(4, 2, 21))
    expected /= expected.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(probabilities[1], expected, rtol=1e-4)
    centers = np.arange(-10, 11)
    best = centers[expected.argmax(axis=-1)]
    mean = (expected * centers).sum(axis=-1)
    np.testing.assert_allclose(h4pt[0], mean if decoding == "expectation" else best, atol=1e-4)


def test_the_classifier_is_the_papers():
    model = models.build("homographynet_classifier")
    assert model.get_layer("scores").units == 8 * 21
    regression = models.build("homographynet").count_params()
    assert model.count_params() == regression + 1025 * 160 + 21


def test_the_light_network_is_light():
    assert models.build("mobile").count_params() < 1.2e6


def test_the_head_stays_float32_under_mixed_precision():
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = models.build("homographynet", patch_size=32, width=0.1)
    finally:
        keras.config.set_dtype_policy(before)
    assert model.get_layer("conv1").compute_dtype == "bfloat16"
    assert {layer.compute_dtype for layer in model.layers[-3:]} == {"float32"}
    assert model(np.ones((1, 32, 32, 2))).dtype == "float32"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet", {}, "no architecture 'resnet'; there are cascade, homographynet, "),
        ("homographynet", {"patch_size": 100}, "multiple of 8.*got 100"),
        ("homographynet", {"width": 0}, "width must be above 0; got 0"),
        ("cascade", {"patch_size": 100}, "multiple of 16.*got 100"),
        ("cascade", {"width": -1}, "width must be above 0; got -1"),
        ("cascade", {"fine_steps": -1}, "fine_steps must be at least 0; got -1"),
        ("homographynet_classifier", {"decoding": "mean"}, "expectation, best; got 'mean'"),
        ("mobile", {"patch_size": 100}, "multiple of 8.*got 100"),
        ("cascade", {"dropout": 0.5}, "architecture cascade has no dropout"),
        ("homographynet", {"dropout": 1.0}, "dropout must be at least 0 and below 1; got 1.0"),
    ],
)
def test_wrong_options_are_refused(name, options, message):
    with pytest.raises(ValueError, match=message):
        models.build(name, **options)


def test_another_backend_is_refused():
    result = subprocess.run(
        [sys.executable, "-c", "import keras_homography"],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "KERAS_BACKEND is 'jax'; keras_homography runs on TensorFlow" in result.stderr
