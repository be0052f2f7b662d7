"""The stages of the cascade, and its refined form."""

import keras
import numpy as np
import pytest

from keras_homography import models
from keras_homography.models import cascade

SMALL = {"patch_size": 64, "rho": 8, "width": 0.3}


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    return models.build("cascade", **SMALL, fine_steps=2)


@pytest.fixture(scope="module")
def patches():
    return np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 2)).astype(np.float32)


def test_the_shipped_size():
    assert models.build("cascade").count_params() == 157_410


def test_fine_steps_share_their_weights(network):
    assert models.build("cascade", **SMALL, fine_steps=1).count_params() == network.count_params()
    without = models.build("cascade", **SMALL, fine_steps=0)
    assert without.count_params() < network.count_params()
    assert [layer.name for layer in network.layers if "_fit" in layer.name] == [
        *("coarse_fit", "fine_fit1", "fine_fit2")
    ]


@pytest.mark.parametrize(("rho", "displacements"), [(8, 9), (9, 25), (40, 121)])
def test_the_coarse_stage_reaches_as_far_as_rho(rho, displacements):
    model = models.build("cascade", **SMALL | {"rho": rho}, fine_steps=0)
    correlation = model.get_layer("coarse_correlation").output
    assert correlation.shape == (None, 8, 8, displacements)


def test_the_refined_cascade_runs_the_same_stages(network, patches):
    refined = cascade.refine(network, steps=(0, 1), max_refinements=1, num_views=0)
    assert refined.count_params() == network.count_params()
    keras.utils.set_random_seed(1)
    copy = models.build("cascade", **SMALL, fine_steps=1)
    models.copy_weights(copy, refined)
    for weight, source in zip(copy.weights, network.weights, strict=True):
        np.testing.assert_array_equal(weight, source)
    layer = refined.get_layer("look_again")
    assert (layer.max_refinements, layer.num_views) == (1, 0)
    # The coarse stage, and then the fine one twice: what the network itself does.
    features_a, features_b, a_from_b = layer.start(patches, training=False)
    coarse = keras.Model(network.input, network.get_layer("coarse_fit").output[1])
    np.testing.assert_allclose(a_from_b, coarse(patches, training=False), atol=1e-6)
    for _ in range(2):
        a_from_b = layer.stage([features_a, features_b, a_from_b], training=False)
    fine = keras.Model(network.input, network.get_layer("fine_fit2").output[1])
    np.testing.assert_allclose(a_from_b, fine(patches, training=False), atol=1e-5)
