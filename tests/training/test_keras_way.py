"""What a Keras user tries first: compile, fit, evaluate, predict, names, configurations."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.tiny_runs import random_pairs, tiny_model

import keras_homography
from keras_homography import models
from keras_homography.data import pair_dataset
from keras_homography.data.pair_spec import PairSpec
from keras_homography.evaluation import metrics
from keras_homography.training import keras_objects, mixed_precision
from keras_homography.utils.errors import UserError

SPEC = PairSpec(patch_size=32, rho=8, image_width=64, image_height=56)


def small(name, **options):
    size = {} if name == "matcher" else {"patch_size": 32}
    return models.build(name, **size, width=0.1, **options)


@pytest.mark.long
@pytest.mark.parametrize("name", ["homographynet_classifier", "mobile"])
def test_networks_fit_evaluate_and_predict(name):
    network = small(name)
    model = keras_homography.compile(network)
    assert model is network
    rng = np.random.default_rng(0)
    patches = rng.uniform(0, 255, [8, 32, 32, 2]).astype(np.float32)
    h4pt_true = rng.uniform(-8, 8, [8, 4, 2]).astype(np.float32)
    dataset = tf.data.Dataset.from_tensor_slices((patches, h4pt_true)).batch(4)
    history = model.fit(dataset, validation_data=dataset, epochs=1, verbose=0).history
    assert np.isfinite(history["val_loss"]).all()
    evaluated = model.evaluate(dataset, verbose=0, return_dict=True)
    predicted = model.predict(patches, batch_size=4, verbose=0)
    h4pt = predicted[0] if isinstance(predicted, list) else predicted
    errors = metrics.corner_errors(h4pt_true, h4pt)
    (key,) = [key for key in evaluated if key.endswith("corner_error")]
    assert evaluated[key] == pytest.approx(errors.mean(), rel=1e-4)
    (key,) = [key for key in evaluated if key.endswith("within_1px")]
    assert evaluated[key] == pytest.approx((errors < 1.0).mean())


def test_fitting_learns():
    patches, h4pt = random_pairs(8)
    model = keras_homography.compile(tiny_model(), keras.optimizers.Adam(0.02), loss="corner_l2")
    losses = model.fit(patches, h4pt, epochs=30, verbose=0).history["loss"]
    assert losses[-1] < 0.5 * losses[0]


def test_the_network_behind_the_shipped_model_is_what_is_trained():
    shipped = keras_homography.load_pretrained()
    network = keras_homography.compile(shipped)
    assert network is not shipped
    assert network.count_params() == shipped.count_params()
    names = {weight.path.split("/")[-2] + weight.name: weight for weight in shipped.weights}
    for weight in network.weights:
        counterpart = names[weight.path.split("/")[-2] + weight.name]
        np.testing.assert_array_equal(weight, counterpart)
    assert network.optimizer is not None


def test_a_matcher_is_refused_with_what_trains_it():
    with pytest.raises(UserError, match=r"flags/matcher\.flags"):
        keras_homography.compile(small("matcher"))


@pytest.mark.parametrize("name", models.ARCHITECTURES)
def test_configurations_make_the_same_model(name):
    model = small(name)
    again = keras.Model.from_config(model.get_config())
    again.set_weights(model.get_weights())
    shape = [2, 32, 32, 1 if name == "matcher" else 2]
    pairs = np.random.default_rng(0).uniform(0, 255, shape).astype(np.float32)
    expected, outputs = (tf.nest.flatten(m(pairs, training=False)) for m in (model, again))
    for a, b in zip(expected, outputs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "made",
    [
        keras_objects.CornerDistance(),
        keras_objects.CornerL2(rho=16.0),
        keras_objects.CornerError(),
        keras_objects.CornersWithin(3.0),
    ],
)
def test_losses_and_metrics_are_rebuilt_from_their_configurations(made):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(made))
    assert type(again) is type(made)
    assert again.get_config() == made.get_config()
    truth, predicted = np.zeros([3, 4, 2], np.float32), np.full([3, 4, 2], 2.0, np.float32)
    np.testing.assert_allclose(again(truth, predicted), made(truth, predicted))


def test_losses_and_metrics_are_found_by_name():
    assert isinstance(keras_objects.get_metric("corner_error"), keras_objects.CornerError)
    assert isinstance(keras_objects.get_loss("corner_distance"), keras_objects.CornerDistance)
    truth = np.zeros([2, 4, 2], np.float32)
    predicted = np.stack([np.full([4, 2], 0.3), np.tile([3.0, 4.0], [4, 1])]).astype(np.float32)
    np.testing.assert_allclose(
        keras_objects.get_metric("corner_error")(truth, predicted),
        (0.3 * 2**0.5 + 5.0) / 2,
        rtol=1e-6,
    )
    np.testing.assert_allclose(keras_objects.get_metric("corners_within")(truth, predicted), 0.5)


def test_a_compiled_model_is_read_back_compiled(tmp_path):
    model = keras_homography.compile(tiny_model())
    patches, h4pt = random_pairs(8)
    expected = model.evaluate(patches, h4pt, verbose=0, return_dict=True)
    model.save(tmp_path / "compiled.keras")
    again = keras.models.load_model(tmp_path / "compiled.keras")
    assert again.evaluate(patches, h4pt, verbose=0, return_dict=True) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["cascade", "homographynet", "mobile"])
def test_dtype_policies_are_honored(name):
    with mixed_precision.dtype_policy("mixed_bfloat16"):
        model = small(name)
    assert "bfloat16" in {layer.compute_dtype for layer in model.layers}
    assert model.outputs[0].dtype == "float32"
    h4pt = model(np.random.default_rng(0).uniform(0, 255, [1, 32, 32, 2]).astype(np.float32))
    assert h4pt.dtype == tf.float32
    assert np.isfinite(h4pt).all()


@pytest.mark.long
def test_pairs_of_a_seed_are_the_same_and_end_where_they_should():
    dataset = pair_dataset("synthetic", SPEC, seed=3, batch_size=4, pairs=6)
    first, second = (list(dataset.as_numpy_iterator()) for _ in range(2))
    assert [len(patches) for patches, _ in first] == [4, 2]
    assert len(dataset) == 2
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
    (patches, h4pt), *_ = pair_dataset("synthetic", SPEC, seed=4, batch_size=4).take(1)
    assert patches.shape == [4, 32, 32, 2]
    assert np.abs(h4pt).max() <= 8
    assert np.abs(patches - first[0][0]).max() > 1.0


def test_wrong_sources_and_distortions_are_named(tmp_path):
    with pytest.raises(UserError, match="no distortion 'rain'"):
        pair_dataset("synthetic", SPEC, distortion="rain")
    with pytest.raises(UserError, match="at least 1"):
        pair_dataset("synthetic", SPEC, pairs=0)
    with pytest.raises(UserError):
        pair_dataset(str(tmp_path), SPEC)
