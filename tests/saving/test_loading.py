"""`.keras` files: what is opened, and which errors are a user's mistake."""

import zipfile

import keras
import numpy as np
import pytest

import keras_homography
from keras_homography.saving import loading
from keras_homography.utils.errors import UserError


def test_a_model_is_loaded_with_its_weights(exported, small_model, small_pairs):
    model = keras_homography.load_model(exported / "model.keras")
    assert not model.compiled
    np.testing.assert_array_equal(
        loading.predict_h4pt(model, small_pairs), loading.predict_h4pt(small_model, small_pairs)
    )


@pytest.mark.long
def test_a_model_that_keras_trained_and_saved_is_loaded(small_pairs, tmp_path):
    """With Adam's state and a loss in the file."""
    size = small_pairs.shape[1]
    network = keras_homography.models.build("mobile", patch_size=size, rho=4, width=0.1)
    model = keras_homography.compile(network, metrics=["corner_error"])
    model.fit(small_pairs, np.ones([len(small_pairs), 4, 2], np.float32), verbose=0)
    model.save(tmp_path / "trained.keras")
    loaded = keras_homography.load_model(tmp_path / "trained.keras")
    assert not loaded.compiled
    np.testing.assert_allclose(
        loading.predict_h4pt(loaded, small_pairs),
        loading.predict_h4pt(model, small_pairs),
        atol=1e-5,
    )


@pytest.mark.parametrize(
    "error",
    [OSError, ValueError, TypeError, KeyError, IndexError, RecursionError, zipfile.BadZipFile],
)
def test_what_keras_raises_on_a_damaged_file_is_a_users_mistake(exported, monkeypatch, error):
    def fail(*_, **__):
        raise error("the reason\nand much more")

    monkeypatch.setattr(keras.models, "load_model", fail)
    with pytest.raises(UserError, match=r"Cannot read .* as a Keras model: .*the reason") as caught:
        loading.load_model(exported / "model.keras")
    assert isinstance(caught.value.__cause__, error)


@pytest.mark.parametrize("error", [AttributeError, AssertionError, ImportError, MemoryError])
def test_other_errors_keep_their_traceback(exported, monkeypatch, error):
    def fail(*_, **__):
        raise error("a fault of the program")

    monkeypatch.setattr(keras.models, "load_model", fail)
    with pytest.raises(error, match="a fault of the program"):
        loading.load_model(exported / "model.keras")


@pytest.mark.parametrize(
    ("shape", "outputs"), [((32, 32, 1), 8), ((32, 24, 2), 8), ((32, 32, 2), 6)]
)
def test_a_model_of_something_else_is_refused(tmp_path, shape, outputs):
    image = keras.Input(shape)
    x = keras.layers.Dense(outputs)(keras.layers.Flatten()(image))
    keras.Model(image, keras.layers.Reshape((outputs // 2, 2))(x)).save(tmp_path / "m.keras")
    with pytest.raises(UserError, match=r"no model of pairs: its inputs are .* outputs"):
        loading.load_model(tmp_path / "m.keras")
