"""Which backend Keras has, and what is said if it is not TensorFlow."""

import importlib.util
import sys

import pytest

from keras_homography.utils import keras_backend


def test_keras_itself_is_asked_once_it_is_imported(monkeypatch):
    assert "keras" in sys.modules
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert keras_backend.keras_backend() == "tensorflow"
    monkeypatch.delitem(sys.modules, "keras")
    assert keras_backend.keras_backend() == "jax"
    monkeypatch.delenv("KERAS_BACKEND")
    assert keras_backend.keras_backend() == "tensorflow"


def test_tensorflow_is_accepted():
    assert keras_backend.require_tensorflow("this test") is None


def test_another_backend_is_named(monkeypatch):
    monkeypatch.setattr(keras_backend, "keras_backend", lambda: "torch")
    with pytest.raises(ImportError, match=r"this test runs on TensorFlow, but .* 'torch'"):
        keras_backend.require_tensorflow("this test")


def test_a_missing_tensorflow_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="this test needs TensorFlow"):
        keras_backend.require_tensorflow("this test")
