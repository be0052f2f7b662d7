"""One evaluation from its configuration to its files, in this process."""

import dataclasses

import cv2
import keras
import numpy as np
import pytest

import keras_homography
from keras_homography.evaluation import EvaluateConfig, opencv_estimators, run
from keras_homography.utils.errors import UserError


def save_model(path, size):
    """A network that predicts zeros."""
    pairs = keras.Input((size, size, 2))
    x = keras.layers.GlobalAveragePooling2D()(pairs)
    x = keras.layers.Dense(8, kernel_initializer="zeros")(x)
    keras.Model(pairs, keras.layers.Reshape((4, 2))(x)).save(path)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A working folder with what a user may point to by mistake."""
    work = tmp_path_factory.mktemp("work")
    (work / "empty").mkdir()
    (work / "small").mkdir()
    cv2.imwrite(str(work / "small" / "image.png"), np.zeros([120, 300], np.uint8))
    (work / "broken.keras").write_bytes(b"not a model")
    save_model(work / "small.keras", 64)
    (work / "taken").mkdir()
    (work / "taken" / "metrics.json").write_text("work of years")
    (work / "file").write_text("")
    return work


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"model": ("surf",)}, "no model 'surf'.* sift_ransac"),
        ({"model": ("broken.keras",)}, "Cannot read broken.keras"),
        ({"model": ("missing.keras",)}, "no model 'missing.keras'"),
        ({"model": ()}, "No estimator is given"),
        ({"dataset": "empty"}, "No usable image below empty"),
        ({"dataset": "small"}, "300x120 is below 128 pixels"),
        ({"dataset": "nowhere"}, "neither a folder nor a TFDS dataset"),
        ({"output_dir": "taken"}, r"metrics\.json is not as this program wrote it"),
        ({"output_dir": "file"}, "is not a folder"),
    ],
)
def test_mistakes_are_refused_and_nothing_is_written(work, folder, monkeypatch, fields, message):
    monkeypatch.chdir(work)
    before = sorted(work.rglob("*"))
    config = EvaluateConfig(model=("identity",), dataset=str(folder), pairs=2, output_dir="out")
    with pytest.raises(UserError, match=message):
        run(dataclasses.replace(config, **fields))
    assert sorted(work.rglob("*")) == before


def test_a_network_of_another_patch_size_is_measured(work, folder):
    """It predicts no motion, and so has the errors of the identity."""
    models = (str(work / "small.keras"), "identity")
    config = EvaluateConfig(model=models, dataset=str(folder), pairs=4, output_dir=None)
    small, identity = run(config)["rows"]
    assert small["mace"] == pytest.approx(identity["mace"], abs=1e-3)
    assert small["not_returned"] == 0


def test_a_registered_estimator_is_measured_without_files(folder, monkeypatch):
    monkeypatch.setattr(opencv_estimators, "ESTIMATORS", dict(opencv_estimators.ESTIMATORS))
    keras_homography.register_estimator("mine", lambda patch_a, patch_b: None)
    config = EvaluateConfig(
        model=("mine", "identity"), dataset=str(folder), pairs=4, output_dir=None
    )
    mine, identity = run(config)["rows"]
    assert mine["mace"] == identity["mace"]
    assert (mine["failures"], mine["not_returned"]) == (4, 4)
    assert identity["failures"] == 0
