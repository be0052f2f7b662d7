"""HomographyNet is the paper's network, in both forms."""

import cv2
import keras
import numpy as np
import pytest

from keras_homography import models
from keras_homography.models import homographynet_classifier
from keras_homography.utils.errors import UserError


@pytest.fixture(scope="module")
def full():
    return models.build("homographynet")


def layers(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_layers_are_the_papers_in_its_order(full):
    """Section 4, figure 1; the gray levels scaled in front and the offsets behind are ours."""
    block = ["Conv2D", "BatchNormalization"] * 2
    head = ["Flatten", "Dropout", "Dense", "Dropout", "Dense"]
    pooled = [*block, "MaxPooling2D"] * 3
    ours = ["InputLayer", "Rescaling"], ["Rescaling", "Reshape"]
    kinds = [type(layer).__name__ for layer in full.layers]
    assert kinds == [*ours[0], *pooled, *block, *head, *ours[1]]

    convolutions = layers(full, keras.layers.Conv2D)
    assert [layer.filters for layer in convolutions] == [64] * 4 + [128] * 4
    for layer in convolutions:
        options = layer.kernel_size, layer.strides, layer.padding, layer.activation.__name__
        assert options == ((3, 3), (1, 1), "same", "relu")
    for layer in layers(full, keras.layers.MaxPooling2D):
        assert (layer.pool_size, layer.strides) == ((2, 2), (2, 2))
    assert [layer.rate for layer in layers(full, keras.layers.Dropout)] == [0.5, 0.5]
    dense = [(layer.units, layer.activation.__name__) for layer in layers(full, keras.layers.Dense)]
    assert dense == [(1024, "relu"), (8, "linear")]
    assert full.count_params() == 34_195_336


def test_a_reduced_network_is_the_smaller_one_on_the_areas_mean():
    """OpenCV's INTER_AREA is the oracle; offsets stay those of the larger patch."""
    options = {"width": 0.1, "dropout": 0.0}
    small = models.build("homographynet", patch_size=32, rho=8, **options)
    large = models.build("homographynet", patch_size=64, rho=16, reduction=2, **options)
    head = small.get_layer("offsets")
    head.kernel.assign(np.random.default_rng(0).normal(0, 0.3, head.kernel.shape))
    models.copy_weights(large, small)
    pair = np.random.default_rng(1).uniform(0, 255, (64, 64, 2)).astype(np.float32)
    halved = cv2.resize(pair, (32, 32), interpolation=cv2.INTER_AREA)
    expected = 2 * small(halved[None], training=False).numpy()
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(large(pair[None], training=False), expected, atol=1e-3)


@pytest.mark.parametrize("patch_size", [32, 64])
def test_a_widened_network_answers_as_before_and_its_copies_differ(patch_size):
    options = {"dropout": 0.0, "reduction": patch_size // 32, "patch_size": patch_size}
    narrow = models.build("homographynet", width=0.125, **options)
    random = np.random.default_rng(0)
    for weight in narrow.weights:
        low, high = (0.5, 1.5) if "norm" in weight.path else (-0.3, 0.3)
        weight.assign(random.uniform(low, high, weight.shape))
    wide = models.build("homographynet", width=0.25, **options)
    models.copy_weights(wide, narrow)
    pairs = random.uniform(0, 255, (2, patch_size, patch_size, 2)).astype(np.float32)
    expected = narrow(pairs, training=False).numpy()
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(wide(pairs, training=False), expected, rtol=1e-4, atol=1e-3)
    kernel = wide.get_layer("conv2").kernel.numpy()
    assert not np.allclose(kernel[..., ::2, :], kernel[..., 1::2, :], rtol=0.01)


@pytest.mark.parametrize("options", [{"patch_size": 40, "reduction": 2}, {"reduction": 1.5}])
def test_a_reduction_that_does_not_fit_is_refused(options):
    with pytest.raises(UserError, match="reduction"):
        models.build("homographynet", **options)


def test_the_classifier_differs_in_its_head_alone():
    options = {"patch_size": 32, "width": 0.1}
    regression = models.build("homographynet", **options)
    model = models.build("homographynet_classifier", **options)
    assert model.get_layer("scores").units == 8 * 21
    features = model.get_layer("dense").units
    # 160 further outputs, and the centers of the bins.
    assert model.count_params() == regression.count_params() + (features + 1) * 160 + 21


@pytest.mark.parametrize("name", ["homographynet", "homographynet_classifier", "mobile"])
def test_an_untrained_network_answers_identity(name):
    model = models.build(name, patch_size=32, width=0.1)
    outputs = model(np.ones((1, 32, 32, 2)), training=False)
    h4pt = outputs[0] if isinstance(outputs, list) else outputs
    np.testing.assert_allclose(h4pt, np.zeros((1, 4, 2)), atol=1e-5)


def test_the_classifiers_answer_is_the_expectation_over_the_bins():
    model = models.build("homographynet_classifier", patch_size=32, rho=10, width=0.1)
    scores = model.get_layer("scores")
    bias = np.random.default_rng(0).normal(0, 3, scores.bias.shape)
    scores.bias.assign(bias)
    h4pt, probabilities = model(np.ones((2, 32, 32, 2)), training=False)
    assert probabilities.shape == (2, 4, 2, 21)
    expected = np.exp(bias.reshape(4, 2, 21))
    expected /= expected.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(probabilities[1], expected, rtol=1e-4)
    centers = homographynet_classifier.bin_centers(10)
    np.testing.assert_array_equal(centers, np.arange(-10, 11))
    np.testing.assert_allclose(h4pt[0], (expected * centers).sum(axis=-1), atol=1e-4)


def test_the_confidence_of_a_corner_is_that_of_its_likeliest_offset():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(21), (3, 4, 2))
    maps = probabilities[:, :, 0, :, None] * probabilities[:, :, 1, None, :]
    np.testing.assert_allclose(
        homographynet_classifier.corner_confidences(probabilities), maps.max(axis=(-1, -2))
    )


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
