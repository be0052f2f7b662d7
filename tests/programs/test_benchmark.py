"""The program `benchmark` prints what it promises; how fast anything is, no test can say."""

import json

import pytest
from helpers import programs

# The program with batches of eight pairs instead of 64, each measured once instead of three times.
SMALL_BATCHES = """
import functools, runpy
from keras_homography.benchmarks import interleaved_timing, pipeline
interleaved_timing.in_turns = functools.partial(interleaved_timing.in_turns, turns=1)
pipeline.BATCH_SIZE = 8
pipeline.pairs = functools.partial(pipeline.pairs, batch_size=8)
runpy.run_module("keras_homography.benchmark", run_name="__main__", alter_sys=True)
"""


@pytest.mark.long
def test_every_line_is_a_measurement(image_folder):
    flags = "--stage=pipeline", f"--dataset={image_folder}", "--seconds=0.1"
    result = programs.run_code(SMALL_BATCHES, *flags)
    assert result.returncode == 0, result.stderr
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {"jpeg_1", "jpeg_8", "cached"} <= {line["case"] for line in lines}
    for line in lines:
        assert line["stage"] == "pipeline"
        assert line["unit"] == "pairs/s"
        assert line["ratio"] == pytest.approx(line["value"] / line["reference_value"], rel=0.01)


def test_a_mistake_gets_one_clear_line():
    result = programs.run("keras_homography.benchmark", "--stage=speed")
    assert result.returncode != 0
    assert "pipeline|train|inference" in result.stderr + result.stdout
    assert "Traceback" not in result.stderr
