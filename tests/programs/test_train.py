"""The program: flags in, a run and exit codes out; kills, and a cluster of two processes.

What a run leaves behind is tested in-process: tests/training/test_training_run.py.
"""

import json
import signal
import time

import pytest
from helpers import programs
from helpers.clusters import free_ports
from helpers.tiny_runs import tiny_config, tiny_model

from keras_homography import models, training
from keras_homography.training import training_flags, training_run

# `train` with a smaller network, for tests with several processes.
TINY_TRAINING = "helpers.tiny_training"


@pytest.fixture
def flagfile(image_folder, tmp_path):
    """Write a configuration to a flag file; return the flag that reads it."""

    def write(**options):
        config = tiny_config(tmp_path / "run", dataset=image_folder, **options)
        (tmp_path / "tiny.flags").write_text(training_flags.flags_text(config))
        return f"--flagfile={tmp_path}/tiny.flags"

    return write


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


@pytest.mark.parametrize(
    ("flag", "code", "message"),
    [
        ("--loss=l1", 1, "value should be one of <corner|l2|huber|cross_entropy|photometric"),
        ("--rho=8", 2, "Error: rho must be above 0 and below half the patch"),
    ],
)
def test_mistakes_get_one_clear_line(flagfile, tmp_path, flag, code, message):
    result = programs.run("keras_homography.train", flagfile(), flag)
    assert result.returncode == code
    assert message in result.stderr + result.stdout
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.long
def test_a_run_that_is_stopped_and_killed_ends_as_usual(flagfile, image_folder, tmp_path):
    """Asked to end, then killed; the next start says where it goes on, and where everything is."""
    flags, folder, output = [flagfile(), "--steps=100000"], tmp_path / "run", tmp_path / "output"
    process = programs.start(TINY_TRAINING, *flags, output=output)
    wait_for_a_checkpoint(folder)
    process.terminate()
    process.join(60)
    assert process.exitcode == 128 + signal.SIGTERM
    reached = newest_step(folder)
    assert f"Stopped and saved at step {reached}" in output.read_text()

    before = (folder / "checkpoints" / "last" / "checkpoint").read_text()
    process = programs.start(TINY_TRAINING, *flags, output=output)
    wait_for_a_checkpoint(folder, before)
    process.kill()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert f"step {reached} to 100000" in output.read_text()

    reached = newest_step(folder)
    result = programs.run(TINY_TRAINING, flags[0], f"--steps={reached + 4}")
    assert result.returncode == 0, result.stderr
    begin = f"Training homographynet on {image_folder}: step {reached} to {reached + 4}."
    assert begin in result.stdout
    for words in ("pairs_per_second", "corner_error", "Corner error on 10 validation pairs"):
        assert words in result.stdout
    for name in ("model.keras", "saved_model", "model.tflite", "metrics.json", "validation.png"):
        assert str(folder / name) in result.stdout
        assert (folder / name).exists()


@pytest.mark.long
def test_two_processes_train_like_one_although_one_is_killed(
    flagfile, image_folder, tmp_path, monkeypatch
):
    """The same batches and seed, batch normalization over both: the same losses.

    The second process is killed and started again; the first one waits and goes on with it.
    """
    monkeypatch.delenv("TF_CONFIG", raising=False)
    options = {
        "batch_size": 8,
        "steps": 16,
        "steps_per_round": 2,
        "optimizer": "sgd",
        "learning_rate": 1e-3,
        "validation_pairs": 8,
    }
    folder, flags = tmp_path / "run", [flagfile(**options)]
    flags.append("--allow_network")
    flags.append("--workers=" + ",".join(f"127.0.0.1:{port}" for port in free_ports(2)))
    first = programs.start(TINY_TRAINING, *flags, "--task=0", output=tmp_path / "first")
    second = programs.start(TINY_TRAINING, *flags, "--task=1", output=tmp_path / "second")
    wait_for_a_checkpoint(folder)
    second.kill()
    second.join(60)
    assert second.exitcode == -signal.SIGKILL
    again = programs.start(TINY_TRAINING, *flags, "--task=1", output=tmp_path / "again")
    for process in (first, again):
        process.join(240)
    printed = (tmp_path / "first").read_text(errors="replace")
    assert [first.exitcode, again.exitcode] == [0, 0], printed
    assert "A worker was lost. Starting again from the last checkpoint." in printed
    assert (folder / "model.keras").exists()

    monkeypatch.setattr(training_run.final_report, "write", lambda *arguments: {})
    monkeypatch.setattr(models, "build", lambda name, **options: tiny_model())
    training.run(tiny_config(tmp_path / "alone", dataset=image_folder, **options))
    histories = [
        json.loads((path / "history.json").read_text()) for path in (folder, tmp_path / "alone")
    ]
    assert [entry["step"] for entry in histories[0]] == list(range(2, 17, 2))
    for two, one in zip(*histories, strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-5)
        assert two["val_mace"] == pytest.approx(one["val_mace"], rel=1e-6)
