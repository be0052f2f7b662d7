"""The programs that train and export a matcher, one after the other."""

import json

import numpy as np
from helpers import programs

from keras_homography.saving import feature_networks

FLAGS = (
    "--model=matcher",
    "--loss=matching",
    "--dataset=synthetic",
    "--distortion=none",
    "--width=0.1",
    "--patch_size=64",
    "--image_size=96,80",
    "--batch_size=2",
    "--steps=2",
    "--steps_per_round=2",
    "--warmup_steps=1",
    "--validation_pairs=2",
)


def test_a_trained_matcher_is_exported_and_opened(tmp_path):
    trained = programs.run(
        "keras_homography.train", *FLAGS, f"--output_dir={tmp_path}/run", cwd=tmp_path
    )
    assert trained.returncode == 0, trained.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert set(metrics["largest_difference"]) == {"model.keras", "saved_model", "model.tflite"}

    exported = programs.run(
        "keras_homography.export",
        "--model=run/model.keras",
        "--pairs=3",
        "--formats=keras,float16",
        "--output_dir=out",
        cwd=tmp_path,
    )
    assert exported.returncode == 0, exported.stderr
    report = json.loads((tmp_path / "out" / "parity.json").read_text())
    assert report["images"] == 3

    image = np.random.default_rng(0).uniform(0, 255, [1, 64, 96, 1]).astype(np.float32)
    features = [
        feature_networks.open_matcher(tmp_path / name)(image)
        for name in ("run/model.keras", "run/model.tflite", "out/model_float16.tflite")
    ]
    for each in features[1:]:
        for value, expected in zip(each, features[0], strict=True):
            np.testing.assert_allclose(value, expected, atol=0.05)
