"""The program that trains a matcher, and what it leaves behind."""

import json

import numpy as np
import pytest
from helpers import programs

from keras_homography.saving import feature_networks

FLAGS = (
    "--model=matcher",
    "--loss=matching",
    "--dataset=synthetic",
    "--distortion=none",
    "--width=0.1",
    "--patch_size=64",
    "--image_size=80,64",
    "--batch_size=1",
    "--steps=1",
    "--steps_per_round=1",
    "--warmup_steps=0",
    "--validation_pairs=1",
)


@pytest.mark.long
def test_a_trained_matcher_is_exported_and_opened(tmp_path):
    result = programs.run("keras_homography.train", *FLAGS, f"--output_dir={tmp_path}/run")
    assert result.returncode == 0, result.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert set(metrics["largest_difference"]) == {"model.keras", "saved_model", "model.tflite"}
    image = np.random.default_rng(0).uniform(0, 255, [1, 64, 96, 1]).astype(np.float32)
    of_keras, of_tflite = (
        feature_networks.open_matcher(tmp_path / "run" / name)(image)
        for name in ("model.keras", "model.tflite")
    )
    for value, expected in zip(of_tflite, of_keras, strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-3)
