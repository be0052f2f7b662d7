"""A matcher behind one call, in every form."""

import pickle
import subprocess
import sys
from concurrent import futures

import numpy as np
import pytest
from ai_edge_litert import interpreter as litert

from keras_homography.saving import feature_networks, networks
from keras_homography.utils.errors import UserError

SIZES = [(64, 96), (64, 96), (96, 32), (64, 96)]


@pytest.fixture(scope="module")
def forms(matcher, exported_matcher):
    """The same matcher in every form that `open_matcher` takes."""
    return {
        "keras.Model": matcher,
        ".keras": exported_matcher / "model.keras",
        "SavedModel": exported_matcher / "saved_model",
        ".tflite": str(exported_matcher / "model.tflite"),
    }


@pytest.fixture(scope="module")
def expected(matcher, gray_images):
    """What the model gives for the first image of each size: `{size: (...)}`."""
    outputs = {size: matcher(gray_images(*size)[:1]) for size in SIZES}
    return {
        size: (each["coarse"][0], each["fine"][0], each["reliability"][0, ..., 0])
        for size, each in outputs.items()
    }


def assert_equal(features, expected):
    assert len(features) == len(expected)
    for value, other in zip(features, expected, strict=True):
        assert value.shape == other.shape
        assert value.dtype == np.float32
        np.testing.assert_allclose(value, other, atol=1e-3)


@pytest.mark.long
@pytest.mark.parametrize("form", ["keras.Model", ".keras", "SavedModel", ".tflite"])
def test_every_form_gives_the_same_also_after_pickling(forms, form, expected, gray_images):
    network = feature_networks.open_matcher(forms[form])
    copy = pickle.loads(pickle.dumps(network))
    for opened in (network, copy):
        for size in SIZES:
            assert_equal(opened(gray_images(*size)[:1]), expected[size])


def test_a_matcher_opened_from_a_relative_path_is_pickled(exported_matcher, tmp_path, monkeypatch):
    monkeypatch.chdir(exported_matcher)
    pickled = pickle.dumps(feature_networks.open_matcher("model.tflite", num_threads=1))
    monkeypatch.chdir(tmp_path)
    assert len(pickle.loads(pickled)(np.zeros([1, 32, 32, 1], np.float32))) == 3


@pytest.mark.parametrize("form", ["keras.Model", ".tflite"])
def test_threads_share_a_matcher(forms, form, expected, gray_images):
    network = feature_networks.open_matcher(forms[form])
    sizes = SIZES * 5
    with futures.ThreadPoolExecutor(4) as pool:
        features = list(pool.map(lambda size: network(gray_images(*size)[:1]), sizes))
    for size, each in zip(sizes, features, strict=True):
        assert_equal(each, expected[size])


def test_the_input_is_resized_only_when_the_size_changes(forms, gray_images, monkeypatch):
    resized, resize = [], litert.Interpreter.resize_tensor_input

    def count(self, index, shape, **options):
        resized.append(tuple(shape))
        resize(self, index, shape, **options)

    monkeypatch.setattr(litert.Interpreter, "resize_tensor_input", count)
    network = feature_networks.open_matcher(forms[".tflite"])
    for size in SIZES:
        network(gray_images(*size)[:1])
    assert resized == [(1, 64, 96, 1), (1, 96, 32, 1), (1, 64, 96, 1)]


@pytest.mark.parametrize(
    "shape", [(2, 32, 32, 1), (1, 32, 32, 3), (1, 32, 33, 1), (1, 0, 32, 1), (32, 32, 1), (32, 32)]
)
def test_other_shapes_are_a_users_mistake_and_leave_the_matcher_usable(
    forms, expected, shape, gray_images
):
    network = feature_networks.open_matcher(forms[".tflite"])
    with pytest.raises(UserError, match=r"multiples of 32; got \["):
        network(np.zeros(shape, np.float32))
    assert_equal(network(gray_images(64, 96)[:1]), expected[64, 96])


@pytest.mark.parametrize("name", ["model.keras", "saved_model", "model.tflite"])
def test_models_of_another_kind_are_named(exported, exported_matcher, name):
    with pytest.raises(UserError, match=rf"{name} is a model of pairs.*give a matcher here"):
        feature_networks.open_matcher(exported / name)
    with pytest.raises(UserError, match=rf"{name} is a matcher.*give a model of pairs here"):
        networks.open_network(exported_matcher / name)


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / "text.tflite").write_text("nothing")
    (tmp_path / "text.keras").write_text("nothing")
    (tmp_path / "empty").mkdir()
    for name in ("text.tflite", "text.keras", "empty", "none"):
        for trust in (False, True):
            with pytest.raises(UserError, match=str(tmp_path / name)):
                feature_networks.open_matcher(tmp_path / name, trust=trust)


def test_a_saved_model_of_another_installation_is_refused(exported_matcher, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(UserError, match="not written by this installation"):
        feature_networks.open_matcher(exported_matcher / "saved_model")
    feature_networks.open_matcher(exported_matcher / "saved_model", trust=True)


WITHOUT_TENSORFLOW = """
import sys, numpy as np
from keras_homography.saving import feature_networks
network = feature_networks.open_matcher(sys.argv[1])
assert network(np.zeros([1, 32, 64, 1], np.float32))[0].shape == (4, 8, 64)
assert "tensorflow" not in sys.modules
"""


def test_a_tflite_file_needs_no_tensorflow(exported_matcher):
    path = str(exported_matcher / "model_float16.tflite")
    subprocess.run([sys.executable, "-c", WITHOUT_TENSORFLOW, path], check=True)
