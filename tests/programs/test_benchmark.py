"""The program `benchmark` prints what it promises; how fast anything is, no test can say."""

import json

import pytest
from helpers import programs


def benchmark(*flags):
    return programs.run("keras_homography.benchmark", *flags, timeout=400)


def test_every_line_is_a_measurement(image_folder):
    result = benchmark("--stage=pipeline", f"--dataset={image_folder}", "--seconds=0.1")
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {"jpeg_1", "jpeg_8", "cached"} <= {line["case"] for line in lines}
    for line in lines:
        assert line["stage"] == "pipeline"
        assert line["unit"] == "pairs/s"
        assert line["ratio"] == pytest.approx(line["value"] / line["reference_value"], rel=0.01)


def test_a_mistake_gets_one_clear_line():
    result = benchmark("--stage=speed")
    assert result.returncode != 0
    assert "pipeline|train|inference" in result.stderr + result.stdout
    assert "Traceback" not in result.stderr
