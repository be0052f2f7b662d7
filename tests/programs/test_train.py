"""The program: everything it leaves behind, resume, and every wrong flag."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import cv2
import keras
import pytest
from helpers import programs

from keras_homography.utils import files

TINY = """
--width=0.05
--dropout=0
--patch_size=16
--rho=4
--image_size=48,40
--batch_size=4
--steps=6
--steps_per_round=4
--validation_pairs=10
--schedule=constant
"""


def train(*flags):
    return programs.run("keras_homography.train", *flags)


@pytest.fixture(scope="module")
def tiny_flags(image_folder, tmp_path_factory):
    path = tmp_path_factory.mktemp("flags") / "tiny.flags"
    path.write_text(f"--dataset={image_folder}\n{TINY}")
    return f"--flagfile={path}"


@pytest.fixture(scope="module")
def finished(tiny_flags, tmp_path_factory):
    """A finished run: its folder and what it printed."""
    output_dir = tmp_path_factory.mktemp("runs") / "tiny"
    result = train(tiny_flags, f"--output_dir={output_dir}")
    assert result.returncode == 0, result.stderr
    return output_dir, result


def test_leaves_everything_behind(finished):
    output_dir, result = finished
    assert {path.name for path in output_dir.iterdir()} == {
        "model.keras",
        "saved_model",
        "model.tflite",
        "manifest.json",
        "metrics.json",
        "history.json",
        "learning_curve.png",
        "run.flags",
        "validation.png",
        "logs",
        "checkpoints",
    }
    for name in ("model.keras", "saved_model", "model.tflite", "metrics.json", "validation.png"):
        assert str(output_dir / name) in result.stdout
    assert "Corner error on 10 validation pairs (" in result.stdout
    assert "pairs_per_second" in result.stdout
    assert "corner_error" in result.stdout
    assert keras.models.load_model(output_dir / "model.keras").input_shape == (None, 16, 16, 2)
    assert cv2.imread(str(output_dir / "validation.png")).shape[2] == 3
    assert list((output_dir / "logs").rglob("events*"))


def test_metrics_and_flags_say_what_was_done(finished):
    output_dir, _ = finished
    metrics = json.loads((output_dir / "metrics.json").read_text())
    assert metrics["schema_version"] == 1
    assert metrics["steps"] == 6
    assert metrics["pairs"] == 24
    assert [entry["step"] for entry in metrics["history"]] == [4, 6]
    best = min(entry["val_mace"] for entry in metrics["history"])
    assert metrics["validation"]["mace"] == pytest.approx(best, abs=1e-4)
    assert 2.0 < metrics["identity"]["mace"] < 4.5
    run_flags = (output_dir / "run.flags").read_text()
    for line in ("--rho=4", "--steps=6", "--learning_rate=0.0005", "--seed=0"):
        assert line in run_flags.splitlines()


def test_run_flags_repeat_the_run(finished, tmp_path):
    output_dir, _ = finished
    again = train(f"--flagfile={output_dir / 'run.flags'}", f"--output_dir={tmp_path / 'again'}")
    assert again.returncode == 0, again.stderr
    first, second = (
        json.loads((folder / "metrics.json").read_text())["validation"]["mace"]
        for folder in (output_dir, tmp_path / "again")
    )
    assert first == pytest.approx(second, abs=1e-4)


def test_a_larger_number_of_steps_extends_a_finished_run(finished, tiny_flags):
    output_dir, _ = finished
    result = train(tiny_flags, f"--output_dir={output_dir}", "--steps=9")
    assert result.returncode == 0, result.stderr
    assert "step 6 to 9" in result.stdout
    metrics = json.loads((output_dir / "metrics.json").read_text())
    assert [entry["step"] for entry in metrics["history"]] == [4, 6, 8, 9]


def test_another_configuration_in_the_same_folder_is_refused(finished, tiny_flags):
    output_dir, _ = finished
    before = {path: path.stat().st_mtime_ns for path in output_dir.rglob("*")}
    result = train(tiny_flags, f"--output_dir={output_dir}", "--seed=7")
    assert result.returncode == 2
    assert "other flags: --seed=0 there, --seed=7 here" in result.stderr
    assert before == {path: path.stat().st_mtime_ns for path in output_dir.rglob("*")}


def test_a_killed_run_resumes(tiny_flags, tmp_path):
    """One that was asked to end, and one that was not asked."""
    flags = [tiny_flags, f"--output_dir={tmp_path}/run"]
    newest = tmp_path / "run" / "checkpoints" / "last" / "checkpoint"
    reached = None
    for number in (signal.SIGTERM, signal.SIGKILL):
        before = newest.read_text() if reached else None
        process = subprocess.Popen(
            [sys.executable, "-m", "keras_homography.train", *flags, "--steps=100000"],
            stdout=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline:
            if newest.exists() and newest.read_text() not in (before, ""):
                break
            time.sleep(0.1)
        process.send_signal(number)
        output, _ = process.communicate(timeout=60)
        if number == signal.SIGTERM:
            assert process.returncode == 128 + signal.SIGTERM
            assert "Stopped and saved at step" in output
        else:
            assert f"step {reached} to 100000" in output
        reached = int(newest.read_text().splitlines()[0].rsplit("-", 1)[1].strip('"'))
    result = train(*flags, f"--steps={reached + 5}")
    assert result.returncode == 0, result.stderr
    assert f"step {reached} to {reached + 5}" in result.stdout


def test_synthetic_and_other_options(tiny_flags, image_folder, tmp_path):
    result = train(
        tiny_flags,
        "--dataset=synthetic",
        f"--validation_dataset={image_folder}",
        "--mixed_precision=bfloat16",
        "--jit_compile",
        "--loss=l2",
        "--optimizer=sgd",
        "--distortion=photometric",
        "--steps=24",
        "--steps_per_round=24",
        "--profile",
        f"--output_dir={tmp_path}/run",
    )
    assert result.returncode == 0, result.stderr
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["dataset"] == "synthetic"
    assert metrics["validation_dataset"] == str(image_folder)
    assert metrics["largest_difference_px"]["model.tflite"] < 1e-3
    assert list((tmp_path / "run" / "logs").rglob("*.xplane.pb"))


def test_trains_on_coco(tiny_flags, coco_data_dir, tmp_path):
    """A classification network, whose files have two outputs."""
    result = train(
        tiny_flags,
        "--model=homographynet_classifier",
        "--loss=cross_entropy",
        "--dataset=coco/2017",
        f"--data_dir={coco_data_dir}",
        f"--cache={tmp_path}/photos",
        "--make_pairs_on=device",
        "--steps_per_execution=2",
        f"--output_dir={tmp_path}/run",
    )
    assert result.returncode == 0, result.stderr
    assert list((tmp_path / "photos").rglob("*.grey"))
    assert "Corner error on 10 validation pairs (coco/2017)" in result.stdout


@pytest.fixture(scope="module")
def frames(images, tmp_path_factory):
    """Eight frames of a camera that moves a pixel at a time."""
    folder = tmp_path_factory.mktemp("frames")
    for number in range(8):
        frame = images[0][10:90, 20 + number : 116 + number]
        assert cv2.imwrite(str(folder / f"{number}.png"), frame)
    return folder


def test_learns_from_frames_that_nobody_has_labeled(finished, tiny_flags, frames, tmp_path):
    """Starts from another run, resumes, and exports; no corner error is made up."""
    output_dir, _ = finished
    flags = [
        tiny_flags,
        f"--dataset={frames}",
        "--loss=photometric",
        f"--initial_weights={output_dir / 'model.keras'}",
        f"--output_dir={tmp_path}/run",
    ]
    result = train(*flags)
    assert result.returncode == 0, result.stderr
    assert f"Photometric loss on 10 validation pairs ({frames})" in result.stdout
    assert "corner_error" not in result.stdout
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert set(metrics["validation"]) == set(metrics["identity"]) == {"photometric"}
    assert 0 < metrics["validation"]["photometric"] < 2
    assert metrics["largest_difference_px"]["model.tflite"] < 1e-3
    assert cv2.imread(str(tmp_path / "run" / "validation.png")).shape == (2 * 2 * 16, 4 * 16, 3)
    again = train(*flags, "--steps=8")
    assert again.returncode == 0, again.stderr
    assert "step 6 to 8" in again.stdout


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "--distortion=noise is for pairs that are made"),
        (["--distortion=none", "--cache=none"], "--cache=none is for pairs that are made"),
        (["--distortion=none", "--dataset={one}"], "holds no two frames"),
        (["--distortion=none", "--dataset={mixed}"], "must be of one size"),
        (["--distortion=none", "--initial_weights=nothing.keras"], "no model 'nothing.keras'"),
        (["--distortion=none", "--initial_weights=shipped"], "same architecture"),
    ],
)
def test_mistakes_without_labels_get_one_clear_line(
    tiny_flags, frames, images, tmp_path, flags, message
):
    for name, sizes in {"one": [64], "mixed": [64, 64, 48, 48, 48]}.items():
        (tmp_path / name).mkdir()
        for number, size in enumerate(sizes):
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), images[0][:size, :size])
    named = {name: tmp_path / name for name in ("one", "mixed")}
    result = train(
        tiny_flags,
        f"--dataset={frames}",
        "--loss=photometric",
        "--distortion=noise",
        f"--output_dir={tmp_path}/run",
        *(flag.format(**named) for flag in flags),
    )
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--no_such_flag=1"], "no_such_flag"),
        (["--steps=0"], "steps"),
        (["--steps=-5"], "steps"),
        (["--batch_size=x"], "batch_size"),
        (["--loss=l1"], "loss"),
        (["--gpus=64"], "--gpus=64, but TensorFlow sees"),
        (["--dataset=no_such_dataset"], "neither a folder nor a TFDS dataset"),
        (["--model=resnet"], "no architecture 'resnet'"),
        (["--rho=8"], "below half the patch"),
        (["--patch_size=20"], "multiple of 8"),
        (["--image_size=20,20"], "too small"),
        (["--image_size=320"], "must be WIDTH,HEIGHT"),
        (["--task=1"], "--task needs --workers"),
        (["--loss=cross_entropy"], "for a model with probabilities"),
        (["--make_pairs_on=device", "--distortion=noise"], "cannot make --distortion=noise"),
        (["--learning_rate=-1"], "must be above 0"),
        (["stray"], "Unexpected argument 'stray'"),
        (["--flagfile=nowhere.flags"], "no flag file 'nowhere.flags'"),
    ],
)
def test_mistakes_get_one_clear_line(tiny_flags, tmp_path, flags, message):
    result = train(tiny_flags, f"--output_dir={tmp_path}/run", *flags)
    assert result.returncode != 0
    assert message in result.stderr + result.stdout
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_another_backend_is_refused(tiny_flags, tmp_path):
    result = subprocess.run(
        [
            *(sys.executable, "-m", "keras_homography.train"),
            *(tiny_flags, f"--output_dir={tmp_path}/run"),
        ],
        env=os.environ | {"KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "KERAS_BACKEND is 'jax'" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_with_other_things_is_refused(tiny_flags, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    result = train(tiny_flags, f"--output_dir={tmp_path}")
    assert result.returncode == 2
    assert "is not empty" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_as_output_folder_is_refused(tiny_flags, tmp_path):
    (tmp_path / "file").write_text("")
    result = train(tiny_flags, f"--output_dir={tmp_path}/file/run")
    assert result.returncode == 2
    assert "is not a folder" in result.stderr


@pytest.mark.parametrize("name", ["quickstart", "coco", "paper", "curves", "compare"])
def test_recipes_are_valid_flags(name):
    """`--help` parses them; a recipe with an unknown flag would fail."""
    result = train(f"--flagfile=flags/{name}.flags", "--help")
    assert "keras_homography.train" in result.stdout
    assert "Error" not in result.stderr
    known = {line.split(":")[0].strip() for line in result.stdout.splitlines()}
    recipe = pathlib.Path(files.packaged_file("flags", f"{name}.flags")).read_text()
    for line in recipe.splitlines():
        if line.startswith("--"):
            flag = line[2:].split("=")[0]
            assert any(flag in word for word in known), flag
