"""Training runs in-process: what they leave behind, resume, kinds of data, lost workers."""

import dataclasses
import json
import os
import pathlib
import shutil
import signal
import sys

import cv2
import keras
import pytest
import tensorflow as tf
from absl import flags
from helpers import labeled_folders
from helpers.tiny_runs import tiny_config, tiny_model

from keras_homography import models, training
from keras_homography.training import callbacks, cluster, training_flags, training_run
from keras_homography.utils.errors import UserError


@pytest.fixture(scope="module", autouse=True)
def architecture():
    """A network of two layers in the place of HomographyNet, for its short traces and exports."""
    build = models.build

    def build_tiny(name, **options):
        return tiny_model() if name == "homographynet" else build(name, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "build", build_tiny)
        yield


@pytest.fixture(scope="module")
def finished(architecture, image_folder, tmp_path_factory):
    """A finished run, not to be changed: its configuration and its result."""
    config = tiny_config(tmp_path_factory.mktemp("runs") / "tiny", dataset=image_folder)
    return config, training.run(config)


@pytest.fixture
def copy(finished, tmp_path):
    """The configuration of a copy of the finished run."""
    config, result = finished
    shutil.copytree(result.output_dir, tmp_path / "copy")
    return dataclasses.replace(config, output_dir=tmp_path / "copy")


@pytest.mark.long
def test_leaves_everything_behind(finished):
    _, result = finished
    assert {path.name for path in result.output_dir.iterdir()} == {
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
    model = keras.models.load_model(result.output_dir / "model.keras")
    assert model.input_shape == (None, 16, 16, 2)
    assert cv2.imread(str(result.output_dir / "validation.png")).shape[2] == 3
    assert cv2.imread(str(result.output_dir / "learning_curve.png")).shape[2] == 3
    assert list((result.output_dir / "logs").rglob("events*"))


def test_metrics_say_what_was_done(finished):
    config, result = finished
    assert result.step == 6
    assert result.stopped_by is None
    metrics = result.metrics
    assert metrics == json.loads((result.output_dir / "metrics.json").read_text())
    assert metrics["schema_version"] == 1
    assert metrics["dataset"] == metrics["validation_dataset"] == config.dataset
    assert (metrics["steps"], metrics["pairs"]) == (6, 24)
    assert [entry["step"] for entry in metrics["history"]] == [4, 6]
    best = min(metrics["history"], key=lambda entry: entry["val_mace"])
    assert metrics["best_step"] == best["step"]
    assert metrics["validation"]["mace"] == pytest.approx(best["val_mace"], abs=1e-4)
    assert 2.0 < metrics["identity"]["mace"] < 4.5
    assert max(metrics["largest_difference_px"].values()) < 1e-3


@pytest.mark.long
def test_run_flags_repeat_the_run(finished, tmp_path):
    config, result = finished
    flag_values = flags.FlagValues()
    training_flags.define_flags(flag_values)
    run_flags = result.output_dir / "run.flags"
    flag_values(["train", f"--flagfile={run_flags}", f"--output_dir={tmp_path}/again"])
    again = training_flags.config_from_flags(flag_values)
    assert again == dataclasses.replace(config, output_dir=tmp_path / "again")
    repeated = training.run(again)
    expected = result.metrics["validation"]["mace"]
    assert repeated.metrics["validation"]["mace"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.long
def test_a_larger_number_of_steps_extends_a_finished_run(copy, capsys):
    result = training.run(dataclasses.replace(copy, steps=9))
    assert "step 6 to 9" in capsys.readouterr().out
    assert [entry["step"] for entry in result.metrics["history"]] == [4, 6, 8, 9]


def test_another_configuration_in_the_same_folder_changes_nothing(copy):
    folder = pathlib.Path(copy.output_dir)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with pytest.raises(UserError, match="other flags: --seed=0 there, --seed=7 here"):
        training.run(dataclasses.replace(copy, seed=7))
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_nothing_is_written_before_a_mistake_is_found(tmp_path):
    with pytest.raises(UserError, match="neither a folder nor a TFDS dataset"):
        training.run(tiny_config(tmp_path / "run", dataset="no_such_dataset"))
    assert not list(tmp_path.iterdir())


@pytest.mark.long
def test_other_options(image_folder, tmp_path):
    """Generated images, bfloat16, XLA, distortion, and the profiler."""
    config = tiny_config(
        tmp_path,
        validation_dataset=image_folder,
        mixed_precision="bfloat16",
        jit_compile=True,
        loss="l2",
        optimizer="sgd",
        distortion="photometric",
        steps=21,
        steps_per_round=21,
        profile=True,
    )
    result = training.run(config)
    assert result.metrics["dataset"] == "synthetic"
    assert result.metrics["validation_dataset"] == str(image_folder)
    assert list((tmp_path / "logs").rglob("*.xplane.pb"))


@pytest.mark.long
def test_trains_on_coco(coco_data_dir, tmp_path, capsys):
    """A classification network, whose files have two outputs; pairs are made on the device."""
    config = tiny_config(
        tmp_path / "run",
        model="homographynet_classifier",
        loss="cross_entropy",
        dataset="coco/2017",
        data_dir=coco_data_dir,
        cache=tmp_path / "images",
        make_pairs_on="device",
        steps_per_execution=2,
    )
    result = training.run(config)
    assert list((tmp_path / "images").rglob("*.grey"))
    assert "Corner error on 10 validation pairs (coco/2017)" in capsys.readouterr().out
    model = keras.models.load_model(result.output_dir / "model.keras")
    assert model.output_names == ["h4pt", "probabilities"]


@pytest.mark.long
def test_unlabeled_frames(finished, images, tmp_path, capsys):
    """Learns from the weights of another run; no corner error is made up."""
    (tmp_path / "frames").mkdir()
    for number in range(8):
        frame = images[0][10:90, 20 + number : 116 + number]
        assert cv2.imwrite(str(tmp_path / "frames" / f"{number}.png"), frame)
    config = tiny_config(
        tmp_path / "run",
        dataset=tmp_path / "frames",
        loss="photometric",
        initial_weights=finished[1].output_dir / "model.keras",
    )
    metrics = training.run(config).metrics
    printed = capsys.readouterr().out
    assert f"Photometric loss on 10 validation pairs ({config.dataset})" in printed
    assert "corner_error" not in printed
    assert set(metrics["validation"]) == set(metrics["identity"]) == {"photometric"}
    assert 0 < metrics["validation"]["photometric"] < 2
    assert cv2.imread(f"{config.output_dir}/validation.png").shape == (2 * 2 * 16, 4 * 16, 3)


@pytest.mark.long
def test_labeled_pairs_are_measured_before_and_after(finished, images, tmp_path, capsys):
    folder = labeled_folders.write_scenes(tmp_path / "pairs", images)
    (folder / "kind" / "scene 3" / "points.txt").write_text("1 2 3 4\n")
    config = tiny_config(
        tmp_path / "run",
        dataset=folder,
        mix_synthetic=0.5,
        initial_weights=finished[1].output_dir / "model.keras",
        steps=4,
    )
    result = training.run(config)
    printed = capsys.readouterr().out
    assert printed.count("Before the training: Corner error on 10 validation pairs") == 2
    assert list(result.metrics["skipped"]) == ["kind/scene 3"]
    assert list(result.metrics["residuals_px"]) == ["kind/scene 1"]
    before, after = result.metrics["validation_before"], result.metrics["validation"]
    assert 0 < before["mace"] != after["mace"] > 0
    assert cv2.imread(str(result.output_dir / "validation_before.png")).shape[2] == 3


def test_a_signal_stops_with_the_state_saved(tmp_path, monkeypatch, capsys):
    def send(_, batch, logs=None):
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(callbacks.Validation, "on_train_batch_end", send, raising=False)
    result = training.run(tiny_config(tmp_path))
    assert result == training.TrainResult(tmp_path, 1, stopped_by=signal.SIGTERM)
    assert "Stopped and saved at step 1" in capsys.readouterr().out
    newest = tf.train.latest_checkpoint(str(tmp_path / "checkpoints" / "last"))
    assert newest.endswith("-1")


@pytest.fixture
def failing(tmp_path, monkeypatch):
    """A run whose loop raises an error; returns the commands that replace the process."""
    replaced = []
    monkeypatch.setenv("KERAS_HOMOGRAPHY_ATTEMPTS", "0")
    monkeypatch.setattr(training_run.os, "execv", lambda *command: replaced.append(command))
    monkeypatch.setattr(
        training_run.distribution_strategy,
        "make_strategy",
        lambda gpus, workers: tf.distribute.OneDeviceStrategy("/device:CPU:0"),
    )

    def run(error, workers=cluster.ALONE):
        def fit(*arguments, **options):
            raise error

        monkeypatch.setattr(training_run.training_loop, "fit", fit)
        monkeypatch.setattr(training_run.cluster, "meet", lambda *arguments: None)
        monkeypatch.setattr(training_run.cluster, "find", lambda *arguments: workers)
        with pytest.raises(type(error)):
            training.run(tiny_config(tmp_path, allow_network=True))
        return replaced

    return run


@pytest.mark.long
def test_a_lost_worker_starts_the_others_again(failing):
    two = cluster.Cluster(("a:1", "b:2"), 0)
    lost = tf.errors.UnavailableError(None, None, "Socket closed")
    for attempt in (1, 2, 3):
        replaced = failing(lost, two)
        assert os.environ["KERAS_HOMOGRAPHY_ATTEMPTS"] == str(attempt)
    assert replaced[-1] == (sys.executable, [sys.executable, *sys.orig_argv[1:]])
    assert len(failing(lost, two)) == 3  # without a step in between it gives up


@pytest.mark.parametrize(
    ("error", "workers"),
    [
        (tf.errors.UnavailableError(None, None, ""), cluster.ALONE),
        (tf.errors.InvalidArgumentError(None, None, ""), cluster.Cluster(("a:1", "b:2"), 0)),
        (RuntimeError(), cluster.Cluster(("a:1", "b:2"), 0)),
    ],
)
def test_other_errors_are_raised_as_they_are(failing, error, workers):
    assert failing(error, workers) == []


def test_a_loss_that_diverges_is_explained(tmp_path, monkeypatch):
    def fit(*arguments, **options):
        raise callbacks.DivergedError

    monkeypatch.setattr(training_run.training_loop, "fit", fit)
    with pytest.raises(UserError, match=r"not finite after step 0.*lower --learning_rate"):
        training.run(tiny_config(tmp_path))


def test_a_batch_that_cannot_be_divided_is_refused(tmp_path, monkeypatch):
    class Four:
        num_replicas_in_sync = 4

    monkeypatch.setattr(
        training_run.distribution_strategy, "make_strategy", lambda gpus, workers: Four()
    )
    with pytest.raises(UserError, match="--batch_size=9 must be a multiple of the 4 devices"):
        training.run(tiny_config(tmp_path / "run", batch_size=9))
    assert not (tmp_path / "run").exists()
