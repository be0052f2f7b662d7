"""The program: flags in, a run and exit codes out; kills, and a cluster of two processes.

What a run leaves behind is tested in-process: tests/training/test_training_run.py.
"""

import json
import os
import signal
import subprocess
import sys
import time

import keras
import numpy as np
import pytest
from helpers import programs
from helpers.clusters import free_ports
from helpers.tiny_runs import tiny_config

from keras_homography import training
from keras_homography.training import training_flags


def train(*flags):
    return programs.run("keras_homography.train", *flags)


@pytest.fixture
def flagfile(tmp_path):
    """Write a configuration to a flag file; return the flag that reads it."""

    def write(**options):
        config = tiny_config(tmp_path / "run", **options)
        (tmp_path / "tiny.flags").write_text(training_flags.flags_text(config))
        return f"--flagfile={tmp_path}/tiny.flags"

    return write


def start(*arguments, **options):
    """Start the program in a new process."""
    return subprocess.Popen(
        [sys.executable, "-m", "keras_homography.train", *arguments],
        env={name: value for name, value in os.environ.items() if name != "TF_CONFIG"},
        text=True,
        **options,
    )


def wait_for_a_checkpoint(folder, before=""):
    """Return the step of the first checkpoint that is newer than `before`."""
    newest = folder / "checkpoints" / "last" / "checkpoint"
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        if newest.exists() and newest.read_text() not in (before, ""):
            return newest_step(folder)
        time.sleep(0.05)
    raise TimeoutError(f"There is no new checkpoint in {folder}.")


def newest_step(folder):
    newest = (folder / "checkpoints" / "last" / "checkpoint").read_text()
    return int(newest.splitlines()[0].rsplit("-", 1)[1].strip('"'))


def test_a_run_says_what_it_does_and_where_everything_is(flagfile, tmp_path):
    result = train(flagfile())
    assert result.returncode == 0, result.stderr
    assert "Training homographynet on synthetic: step 0 to 6." in result.stdout
    assert "pairs_per_second" in result.stdout
    assert "corner_error" in result.stdout
    assert "Corner error on 10 validation pairs (synthetic)" in result.stdout
    for name in ("model.keras", "saved_model", "model.tflite", "metrics.json", "validation.png"):
        assert str(tmp_path / "run" / name) in result.stdout
        assert (tmp_path / "run" / name).exists()


@pytest.mark.parametrize(
    ("flag", "code", "message"),
    [
        ("--loss=l1", 1, "value should be one of <corner|l2|huber|cross_entropy|photometric>"),
        ("--rho=8", 2, "Error: rho must be above 0 and below half the patch"),
    ],
)
def test_mistakes_get_one_clear_line(flagfile, tmp_path, flag, code, message):
    result = train(flagfile(), flag)
    assert result.returncode == code
    assert message in result.stderr + result.stdout
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()


def test_a_killed_run_resumes(flagfile, tmp_path):
    """One that was asked to end, and one that was not."""
    flags, folder = [flagfile(), "--steps=100000"], tmp_path / "run"
    process = start(*flags, stdout=subprocess.PIPE)
    wait_for_a_checkpoint(folder)
    process.terminate()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    reached = newest_step(folder)
    assert f"Stopped and saved at step {reached}" in output

    before = (folder / "checkpoints" / "last" / "checkpoint").read_text()
    process = start(*flags, stdout=subprocess.PIPE)
    wait_for_a_checkpoint(folder, before)
    process.kill()
    output, _ = process.communicate(timeout=60)
    assert f"step {reached} to 100000" in output

    reached = newest_step(folder)
    result = train(flags[0], f"--steps={reached + 5}")
    assert result.returncode == 0, result.stderr
    assert f"step {reached} to {reached + 5}" in result.stdout


def test_two_processes_train_like_one_although_one_is_killed(flagfile, tmp_path):
    """The same batches and seed, batch normalization over both: the same weights.

    The second process is killed and started again; the first one waits and goes on with it.
    """
    options = {
        "batch_size": 8,
        "steps": 60,
        "optimizer": "sgd",
        "learning_rate": 1e-3,
        "validation_pairs": 8,
    }
    flags = [flagfile(**options)]
    flags.append("--workers=" + ",".join(f"127.0.0.1:{port}" for port in free_ports(2)))
    with open(tmp_path / "first.txt", "w") as output:
        first = start(*flags, "--task=0", stdout=output, stderr=subprocess.STDOUT)
        second = start(*flags, "--task=1", stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        wait_for_a_checkpoint(tmp_path / "run")
        second.kill()
        assert second.wait(60) == -signal.SIGKILL
        again = start(*flags, "--task=1", stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        codes = [process.wait(240) for process in (first, again)]
    printed = (tmp_path / "first.txt").read_text(errors="replace")
    assert codes == [0, 0], printed
    assert "A worker was lost. Starting again from the last checkpoint." in printed

    training.run(tiny_config(tmp_path / "alone", **options))
    weights, histories = [], []
    for folder in (tmp_path / "run", tmp_path / "alone"):
        model = keras.models.load_model(folder / "model.keras")
        weights.append(np.concatenate([weight.ravel() for weight in model.get_weights()]))
        histories.append(json.loads((folder / "history.json").read_text()))
    np.testing.assert_allclose(*weights, atol=1e-4)
    for two, one in zip(*histories, strict=True):
        assert two["step"] == one["step"]
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-3)
        assert two["val_mace"] == pytest.approx(one["val_mace"], rel=1e-3)
