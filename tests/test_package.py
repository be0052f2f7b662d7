"""The package as users import it: public names, former names, other backends of Keras."""

import os
import subprocess
import sys
import warnings

import pytest

import keras_homography

ESTIMATE = """
import sys

import cv2
import numpy as np

import keras_homography

noise = np.random.default_rng(0).integers(0, 256, (30, 40), np.uint8)
image = cv2.resize(noise, (640, 480), interpolation=cv2.INTER_CUBIC)
shift = np.array([[1, 0, 9], [0, 1, -5], [0, 0, 1]], np.float64)
moved = cv2.warpPerspective(image, shift, (640, 480))
result = keras_homography.HomographyEstimator().estimate(image, moved)
assert result.ok, result.reason
np.testing.assert_allclose(result.homography, shift, atol=0.1)
assert not {"tensorflow", "keras"} & set(sys.modules)
needing_tensorflow = {
    "load_pretrained": lambda: keras_homography.load_pretrained,
    "load_model": lambda: keras_homography.load_model,
    "layers": lambda: keras_homography.layers,
    "models.build": lambda: keras_homography.models.build("cascade"),
}
for name, use in needing_tensorflow.items():
    try:
        use()
    except ImportError as error:
        assert f"keras_homography.{name} runs on TensorFlow" in str(error), error
        assert "KERAS_BACKEND=tensorflow" in str(error), error
    else:
        raise AssertionError(name)
try:
    import keras_homography.layers.correlation
except ImportError as error:
    assert "KERAS_BACKEND=tensorflow" in str(error), error
else:
    raise AssertionError("keras_homography.layers.correlation")
"""
CLI = """
import sys
import keras_homography

assert not {"tensorflow", "keras"} & set(sys.modules)
import keras

keras_homography.HomographyEstimator, keras_homography.Estimate
assert keras.saving.get_registered_object("keras_homography>LookAgain")
print("fine")
"""


def run(*command, **options):
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, **options
    )


@pytest.mark.parametrize("name", sorted(keras_homography._PUBLIC_NAMES))
def test_public_names_are_what_their_modules_define(name):
    public = getattr(keras_homography, name)
    assert public.__module__ == f"keras_homography.{keras_homography._PUBLIC_NAMES[name]}"
    assert name in dir(keras_homography)


@pytest.mark.parametrize("name", sorted(keras_homography._FORMER_MODULES))
def test_former_modules_warn_and_work(name):
    path = f"keras_homography.{keras_homography._FORMER_MODULES[name]}"
    with pytest.warns(DeprecationWarning, match=f"{name} is now {path}.") as caught:
        module = getattr(keras_homography, name)
    assert module is sys.modules[path]
    assert caught[0].filename == __file__


def test_folders_are_attributes_and_nothing_else_is():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("geometry", "models", "saving", "data", "registration", "evaluation"):
            assert getattr(keras_homography, name) is sys.modules[f"keras_homography.{name}"]
    with pytest.raises(AttributeError, match="no attribute 'homographies'"):
        _ = keras_homography.homographies


@pytest.mark.long
def test_a_users_own_program_may_import_the_package(tmp_path):
    """`runpy` imports `myapp` while `sys.argv` is still that of `-m`."""
    (tmp_path / "myapp").mkdir()
    (tmp_path / "myapp" / "__init__.py").write_text("import keras_homography\n")
    (tmp_path / "myapp" / "cli.py").write_text(CLI)
    result = run("-m", "myapp.cli", cwd=tmp_path)
    assert result.stdout == "fine\n", result.stderr


@pytest.mark.long
@pytest.mark.parametrize("name", ["geometry.argument_checks", "layers.look_again"])
def test_a_module_that_imports_tensorflow_may_be_the_first(name):
    known = "assert keras.saving.get_registered_object('keras_homography>LookAgain')"
    result = run("-c", f"import keras_homography.{name}, keras\n{known}")
    assert result.returncode == 0, result.stderr


def test_estimator_works_with_another_backend_of_keras():
    result = run("-c", ESTIMATE, env=os.environ | {"KERAS_BACKEND": "jax"})
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "name",
    ["train", "evaluate", "predict", "export", "benchmark", "calibrate", "pair_service", "demo"],
)
def test_help_does_not_import_tensorflow(name):
    result = run("-X", "importtime", "-m", f"keras_homography.{name}", "--help")
    assert f"keras_homography/{name}.py:\n  --" in result.stdout
    imported = {line.split("|")[-1].strip() for line in result.stderr.splitlines()}
    assert "absl.flags" in imported
    assert not {"tensorflow", "keras"} & imported
