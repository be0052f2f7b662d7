"""Networks, `HomographyEstimator` and functions behind one signature."""

import dataclasses

import cv2
import keras
import numpy as np
import pytest

import keras_homography
from keras_homography import models
from keras_homography.evaluation import (
    evaluated_estimators,
    opencv_estimators,
    opencv_features,
    protocols,
)
from keras_homography.utils.errors import UserError

CONSTANT = np.array([[3, -4], [5, 6], [-7, 8], [9, 2]], np.float32)


def constant_model(size, channels=2, outputs=8):
    """A network that always predicts `CONSTANT`."""
    pairs = keras.Input((size, size, channels))
    x = keras.layers.GlobalAveragePooling2D()(pairs)
    x = keras.layers.Dense(
        outputs,
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(0.0),
        name="offsets",
    )(x)
    model = keras.Model(pairs, keras.layers.Reshape((outputs // 2, 2))(x))
    if outputs == 8:
        kernel = np.zeros([channels, 8], np.float32)
        model.get_layer("offsets").set_weights([kernel, CONSTANT.ravel()])
    return model


@pytest.fixture
def save(tmp_path):
    def save_model(model, name="model.keras"):
        path = tmp_path / name
        model.save(path)
        return str(path)

    return save_model


def open_one(name, protocol="coco128", paper_doubling=False, **options):
    protocol = protocols.get_protocol(protocol)
    protocol = dataclasses.replace(protocol, paper_doubling=paper_doubling)
    (opened,) = evaluated_estimators.open_estimators([name], protocol, **options)
    return opened


def test_a_network_at_its_own_size(save):
    path = save(constant_model(128))
    opened = open_one(path)
    predicted = opened.predict(np.zeros([3, 128, 128, 2], np.uint8))
    np.testing.assert_allclose(predicted, [CONSTANT] * 3, rtol=1e-6)
    assert opened.name == path
    assert opened.parameters == 2 * 8 + 8
    assert opened.file_bytes > 1000


def test_a_network_sees_larger_patches_by_area_and_its_matrix_is_rescaled(save):
    path = save(constant_model(128))
    predicted = open_one(path, "paper256").predict(np.zeros([2, 256, 256, 2], np.uint8))
    square = np.float32([[0, 0], [128, 0], [128, 128], [0, 128]])
    small = cv2.getPerspectiveTransform(square, square + CONSTANT)
    large_from_small = np.array([[2, 0, 0.5], [0, 2, 0.5], [0, 0, 1]])
    matrix = large_from_small @ small @ np.linalg.inv(large_from_small)
    corners = 2.0 * square
    expected = cv2.perspectiveTransform(corners[None].astype(np.float64), matrix)[0] - corners
    np.testing.assert_allclose(predicted, [expected] * 2, atol=2e-3)
    doubled = open_one(path, "paper256", paper_doubling=True)
    predicted_doubled = doubled.predict(np.zeros([1, 256, 256, 2], np.uint8))
    np.testing.assert_allclose(predicted_doubled[0], 2 * CONSTANT, rtol=1e-6)


def test_larger_patches_are_resized_by_area(save):
    pairs = keras.Input((128, 128, 2))
    x = keras.layers.MaxPooling2D(128)(pairs)
    x = keras.layers.Flatten()(x)
    model = keras.Model(pairs, keras.layers.Reshape((4, 2))(keras.layers.RepeatVector(4)(x)))
    opened = open_one(save(model), "paper256", paper_doubling=True)
    patches = np.zeros([1, 256, 256, 2], np.uint8)
    patches[0, 4, 6] = 200  # one pixel of four
    np.testing.assert_allclose(opened.predict(patches), 2 * 50.0)


def test_a_network_at_the_size_of_the_protocol_is_not_resized(save):
    predicted = open_one(save(constant_model(256)), "paper256").predict(
        np.zeros([1, 256, 256, 2], np.uint8)
    )
    np.testing.assert_allclose(predicted[0], CONSTANT, rtol=1e-6)


@pytest.mark.parametrize("size", [64, 192, 256])
def test_a_network_of_any_size_sees_the_patches_and_answers_at_their_scale(save, size):
    opened = open_one(save(constant_model(size)), paper_doubling=True)
    predicted = opened.predict(np.zeros([1, 128, 128, 2], np.uint8))
    np.testing.assert_allclose(predicted[0], CONSTANT * 128 / size, rtol=1e-6)


def test_smaller_patches_are_resized_as_opencv_does(save):
    seen = keras.Input((256, 256, 2))
    corner = keras.layers.Cropping2D(((10, 244), (20, 234)))(seen)  # 2x2 pixels, 2 channels
    model = keras.Model(seen, keras.layers.Reshape((4, 2))(corner))
    patches = np.random.default_rng(0).integers(0, 256, [1, 128, 128, 2], dtype=np.uint8)
    predicted = open_one(save(model), paper_doubling=True).predict(patches)
    enlarged = cv2.resize(patches[0].astype(np.float32), (256, 256))
    np.testing.assert_allclose(predicted[0], enlarged[10:12, 20:22].reshape(4, 2) / 2, atol=1e-3)


def test_a_network_with_more_outputs_gives_its_first(save):
    model = constant_model(128)
    several = keras.Model(model.input, [model.output, model.layers[1].output])
    predicted = open_one(save(several)).predict(np.zeros([1, 128, 128, 2], np.uint8))
    np.testing.assert_allclose(predicted[0], CONSTANT, rtol=1e-6)


def test_the_classifier_says_how_sure_it_is(save):
    model = models.build("homographynet_classifier", width=0.05)
    scores = model.get_layer("scores")
    bias = np.zeros([4, 2, 21], np.float32)
    bias[:, :, 3] = np.log(20)  # half of the probability at one bin, the rest everywhere else
    scores.bias.assign(bias.ravel())
    h4pt, confidence = open_one(save(model)).predict_with_confidence(
        np.zeros([2, 128, 128, 2], np.uint8)
    )
    np.testing.assert_allclose(confidence, [0.25, 0.25], rtol=1e-5)  # both along x and along y
    assert h4pt.shape == (2, 4, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 128, "channels": 1}, "no model of pairs"),
        ({"size": 128, "outputs": 6}, "no model of pairs"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(save, arguments, message):
    with pytest.raises(UserError, match=message):
        open_one(save(constant_model(**arguments)))


@pytest.mark.parametrize("content", [b"", b"not a model", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    path = tmp_path / "broken.keras"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"Cannot read .*broken.keras as a Keras model: ."):
        open_one(str(path))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["surf"], "no model 'surf'.*sift_ransac"),
        (["runs/none.keras"], "no model 'runs/none.keras'"),
        (["identity", "identity"], "given twice: identity"),
        (["all", "sift_ransac"], "given twice: sift_ransac"),
        ([], "No estimator"),
    ],
)
def test_bad_names_are_refused(names, message):
    with pytest.raises(UserError, match=message):
        evaluated_estimators.open_estimators(names, protocols.get_protocol("coco128"))


def test_a_missing_akaze_is_refused_before_anything_is_measured(monkeypatch):
    monkeypatch.setattr(opencv_features, "akaze_constructor", lambda: None)
    with pytest.raises(UserError, match="opencv-contrib-python"):
        open_one("akaze_magsac")
    protocol = protocols.get_protocol("coco128")
    names = [opened.name for opened in evaluated_estimators.open_estimators(["all"], protocol)]
    assert "sift_ransac" in names
    assert "akaze_magsac" not in names


def test_a_registered_estimator_by_its_name(monkeypatch):
    def mine(patch_a, patch_b):
        assert patch_a.shape == patch_b.shape == (128, 128)
        return CONSTANT if patch_b.any() else None

    monkeypatch.setattr(opencv_estimators, "ESTIMATORS", dict(opencv_estimators.ESTIMATORS))
    keras_homography.register_estimator("mine", mine)
    patches = np.zeros([2, 128, 128, 2], np.uint8)
    patches[1, ..., 1] = 1
    predicted = open_one("mine").predict(patches)
    assert np.isnan(predicted[0]).all()
    np.testing.assert_array_equal(predicted[1], CONSTANT)


def test_the_estimator_answers_with_a_confidence_and_refuses_without(images):
    image = images[0, ..., 0]
    patches = np.stack([np.stack([image[40:168, 60:188], image[45:173, 64:192]], -1)] * 2)
    patches[1] = 128  # nothing to align by
    h4pt, confidence = open_one("estimator").predict_with_confidence(patches)
    np.testing.assert_allclose(h4pt[0], [[4, 5]] * 4, atol=0.1)
    assert np.isnan(h4pt[1]).all()
    assert confidence[0] > 0.9 > confidence[1]


def test_a_tflite_file_takes_a_batch_pair_by_pair(images):
    image = images[0, ..., 0]
    patches = np.stack([image[40:168, 60:188], image[45:173, 64:192]], -1)[None]
    estimator = open_one("saved_models/homography.tflite")
    predicted = estimator.predict(np.concatenate([patches, patches]))
    np.testing.assert_allclose(predicted, [[[4, 5]] * 4] * 2, atol=0.1)
    enlarged = patches.repeat(2, axis=1).repeat(2, axis=2)
    predicted = open_one("saved_models/homography.tflite", "paper256").predict(enlarged)
    np.testing.assert_allclose(predicted, [[[8, 10]] * 4], atol=0.2)


def test_the_callers_random_numbers_are_left_alone(images):
    patches = np.stack([images[0, :128, :128, 0], images[0, 3:131, 5:133, 0]], -1)[None]
    cv2.setRNGSeed(7)
    expected = cv2.randu(np.zeros([4, 2]), 0.0, 1.0)
    predicted = []
    for seed in range(3):
        cv2.setRNGSeed(7 + seed)
        predicted.append(open_one("sift_ransac").predict(patches))
        open_one("sift_magsac").predict(patches)
        drawn = cv2.randu(np.zeros([4, 2]), 0.0, 1.0)
        assert (drawn == expected).all() == (seed == 0)
    np.testing.assert_array_equal(predicted[1:], predicted[:-1])
