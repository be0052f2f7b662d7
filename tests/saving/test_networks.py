"""A network behind one call, in every form."""

import pickle

import numpy as np
import pytest

from keras_homography.saving import loading, networks
from keras_homography.utils import files
from keras_homography.utils.errors import UserError


@pytest.fixture(scope="module")
def forms(small_model, exported):
    """The same model in every form that `open_network` takes."""
    return {
        "keras.Model": small_model,
        ".keras": exported / "model.keras",
        "SavedModel": exported / "saved_model",
        ".tflite": str(exported / "model.tflite"),
    }


@pytest.mark.parametrize("form", ["keras.Model", ".keras", "SavedModel", ".tflite"])
def test_every_form_predicts_the_same_also_after_pickling(forms, form, small_model, small_pairs):
    expected = loading.predict_h4pt(small_model, small_pairs[:1])
    network = networks.open_network(forms[form])
    copy = pickle.loads(pickle.dumps(network))
    for opened in (network, copy):
        assert opened.patch_size == 32
        h4pt = opened(small_pairs[:1])
        assert h4pt.shape == (1, 4, 2)
        assert h4pt.dtype == np.float32
        np.testing.assert_allclose(h4pt, expected, atol=1e-3)


def test_a_network_opened_from_a_relative_path_is_pickled(exported, tmp_path, monkeypatch):
    monkeypatch.chdir(exported)
    pickled = pickle.dumps(networks.open_network("model.tflite", num_threads=1))
    monkeypatch.chdir(tmp_path)
    assert pickle.loads(pickled).patch_size == 32


def test_a_file_is_checked_again_where_it_is_unpickled(exported, tmp_path, monkeypatch):
    trusted = pickle.dumps(networks.open_network(exported / "saved_model", trust=True))
    pickled = pickle.dumps(networks.open_network(exported / "saved_model"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))  # as on another machine
    assert pickle.loads(trusted).patch_size == 32
    with pytest.raises(UserError, match="not written by this installation"):
        pickle.loads(pickled)


@pytest.mark.parametrize("name", [None, "homography", "shipped"])
def test_the_shipped_network_is_the_tflite_file(name, monkeypatch):
    assert networks.open_network(name).patch_size == 128
    monkeypatch.setattr(files, "packaged_file", lambda folder, name: None)
    with pytest.raises(UserError, match=r"homography\.tflite is missing .* Install the package"):
        networks.open_network(name)


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / "text.tflite").write_text("nothing")
    (tmp_path / "text.keras").write_text("nothing")
    (tmp_path / "text.h5").write_text("nothing")
    (tmp_path / "empty").mkdir()
    for name in ("text.tflite", "text.keras", "text.h5", "empty", "none"):
        for trust in (False, True):
            with pytest.raises(UserError, match=str(tmp_path / name)):
                networks.open_network(tmp_path / name, trust=trust)


def test_patches_are_stacked_as_channels():
    a, b = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    pairs = networks.stack_patches(a, b)
    assert pairs.shape == (1, 3, 3, 2)
    assert pairs.dtype == np.float32
    np.testing.assert_array_equal(pairs[0, ..., 0], a)
    np.testing.assert_array_equal(pairs[0, ..., 1], b)
