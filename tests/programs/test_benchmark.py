"""The benchmark prints what it promises; how fast anything is, is no business of the suite."""

import json

import cv2
import numpy as np
import pytest
from helpers import programs

from keras_homography import geometry
from keras_homography.benchmarks import interleaved, opencv_pipeline

KEYS = {
    "stage", "case", "value", "unit", "reference", "reference_value", "ratio", "threads", "machine",
    "date",
}  # fmt: skip


def benchmark(*flags):
    return programs.run("keras_homography.benchmark", *flags, timeout=400)


@pytest.mark.parametrize(
    ("stage", "cases"),
    [
        ("pipeline", {"jpeg_1", "jpeg_8", "cached"}),
        ("inference", {"homography.tflite", "homography.keras", "homographynet.tflite"}),
    ],
)
def test_every_line_is_a_measurement(image_folder, stage, cases):
    result = benchmark(f"--stage={stage}", f"--dataset={image_folder}", "--seconds=0.1")
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert cases <= {line["case"] for line in lines}
    for line in lines:
        assert set(line) == KEYS
        assert line["stage"] == stage
        assert line["value"] > 0
        faster = line["value"] / line["reference_value"]
        expected = faster if line["unit"].endswith("/s") else 1 / faster
        assert line["ratio"] == pytest.approx(expected, rel=0.01)


def test_the_reference_makes_true_pairs(images, tmp_path):
    cv2.imwrite(str(tmp_path / "photo.png"), images[0])
    random = np.random.default_rng(0)
    pair, h4pt = opencv_pipeline.make_pair(str(tmp_path / "photo.png"), 320, 240, 128, 32, random)
    assert pair.shape == (128, 128, 2)
    a_from_b = geometry.matrix_from_h4pt(h4pt[None], 128).numpy()[0].astype(np.float64)
    flags = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    warped = cv2.warpPerspective(pair[..., 0], a_from_b, (128, 128), flags=flags, borderValue=-1e3)
    inside = warped >= 0
    assert inside.mean() > 0.3
    assert np.abs(pair[..., 1] - warped)[inside].mean() < 2.0


def test_ratios_above_one_are_better():
    assert interleaved.result("fast", 20.0, "pairs/s", "other", 10.0, 1)["ratio"] == 2.0
    assert interleaved.result("fast", 5.0, "ms", "other", 10.0, 1)["ratio"] == 2.0


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "stage"),
        (["--stage=speed"], "stage"),
        (["--stage=train", "--threads=0"], "threads"),
        (["--stage=pipeline", "--dataset=nowhere"], "there is no such folder"),
    ],
)
def test_mistakes_get_one_clear_line(flags, message):
    result = benchmark(*flags)
    assert result.returncode != 0
    assert message in result.stderr + result.stdout
    assert "Traceback" not in result.stderr
