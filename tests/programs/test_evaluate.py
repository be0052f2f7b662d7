"""The program `evaluate`: what it leaves behind. Mistakes are tested in tests/evaluation."""

import dataclasses
import html.parser
import json
import shutil

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import programs

from keras_homography import evaluation
from keras_homography.data import synthetic_images
from keras_homography.evaluation import protocol_pairs

ROW = {
    "estimator", "protocol", "distortion", "strength", "pairs", "mace", "mace_low", "mace_high",
    "mace_uncapped", "mace_answered", "median", "p90", "p99", "under_1px", "under_3px",
    "under_5px", "failures", "not_returned", "l2", "ms_per_pair", "parameters", "file_bytes",
    "by_confidence", "ms_mean", "ms_median", "ms_p90", "ms_p99",
}  # fmt: skip


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A working folder with four images, one too small, and a network that predicts zeros."""
    work = tmp_path_factory.mktemp("work")
    (work / "images").mkdir()
    for number, (height, width) in enumerate([(150, 200)] * 3 + [(90, 200)]):
        seed = tf.constant([7, number], tf.int64)
        image = synthetic_images.draw_image(seed, height, width).numpy()
        cv2.imwrite(str(work / "images" / f"{number}.png"), image)
    pairs = keras.Input((128, 128, 2))
    x = keras.layers.GlobalAveragePooling2D()(pairs)
    x = keras.layers.Dense(8, kernel_initializer="zeros")(x)
    keras.Model(pairs, keras.layers.Reshape((4, 2))(x)).save(work / "zero.keras")
    return work


@pytest.fixture(scope="module")
def finished(work):
    """The process of a run and its output folder."""
    process = programs.run(
        "keras_homography.evaluate",
        "--model=identity,sift_ransac,zero.keras",
        "--dataset=images",
        "--distortion=none,noise",
        "--strengths=0.5,1",
        "--pairs=7",
        "--output_dir=out/first",
        cwd=work,
    )
    assert process.returncode == 0, process.stderr
    return process, work / "out" / "first"


@pytest.mark.long
def test_a_run_leaves_everything_behind(finished):
    process, output_dir = finished
    assert {path.name for path in output_dir.iterdir()} == {
        "metrics.json",
        "metrics.md",
        "report.html",
        "run.flags",
        "error_distribution.png",
        "error_by_displacement.png",
        "error_by_strength.png",
        "sheet_none.jpg",
        "sheet_noise.jpg",
        "manifest.json",
    }
    assert [path.name for path in output_dir.parent.iterdir()] == ["first"]
    assert "pairs/s" in process.stdout
    assert (output_dir / "metrics.md").read_text() in process.stdout
    assert process.stdout.rstrip().endswith("report.html")
    flags = (output_dir / "run.flags").read_text().splitlines()
    assert "--pairs=7" in flags
    assert "--strengths=0.5,1" in flags


def test_the_metrics_are_those_of_every_estimator_and_condition(finished):
    measured = json.loads((finished[1] / "metrics.json").read_text())
    assert measured["schema_version"] == 1
    assert (measured["photos"], measured["photos_skipped"]) == (3, 1)
    assert measured["seed"] == protocol_pairs.SEED
    assert len(measured["rows"]) == 3 * 3
    for row in measured["rows"]:
        assert set(row) == ROW
        assert row["pairs"] == 7
        assert row["mace_low"] <= row["mace"] <= row["mace_high"]
        assert 0 < row["ms_per_pair"] == row["ms_median"] <= row["ms_p90"] <= row["ms_p99"]
    conditions = [(row["distortion"], row["strength"]) for row in measured["rows"][::3]]
    assert conditions == [("none", 0.0), ("noise", 0.5), ("noise", 1.0)]
    identity, sift, network = measured["rows"][:3]
    assert identity["mace"] == network["mace"]  # it predicts zeros
    assert network["parameters"] == 24
    assert sift["parameters"] is None
    assert sift["median"] < 2 < 15 < identity["median"]


def test_the_report_embeds_every_image(finished):
    sources = []

    class Collector(html.parser.HTMLParser):
        def handle_starttag(self, tag, attributes):
            sources.extend(value for name, value in attributes if name == "src")

    text = (finished[1] / "report.html").read_text()
    Collector().feed(text)
    assert len(sources) == 5
    assert all(source.startswith("data:image/") for source in sources)
    assert "sift_ransac" in text


def test_images_are_read_back_with_their_contents(finished):
    for path in finished[1].glob("*.png"):
        colors = np.unique(cv2.imread(str(path)).reshape(-1, 3), axis=0).astype(int)
        # White, and the lines of three estimators in Matplotlib's first colors, BGR.
        for color in ([255, 255, 255], [180, 119, 31], [14, 127, 255], [44, 160, 44]):
            assert np.abs(colors - color).max(axis=1).min() <= 1, (path, color)
    for path in finished[1].glob("*.jpg"):
        sheet = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB).astype(int)
        # For each of three estimators a line of text, and six pairs of patches with margins.
        assert sheet.shape == (3 * (48 + 20 + 208 + 128), 6 * 208, 3)
        assert (sheet[..., 1] - sheet[..., 0] > 50).any()  # a true quad


@pytest.mark.long
def test_python_gives_the_same_metrics_and_replaces_the_folder(finished, work, monkeypatch):
    first = finished[1]
    expected = json.loads((first / "metrics.json").read_text())
    monkeypatch.chdir(work)
    config = evaluation.EvaluateConfig(
        model=("identity", "sift_ransac", "zero.keras"),
        dataset="images",
        distortion=("none", "noise"),
        strengths=(0.5, 1.0),
        pairs=7,
        output_dir="out/first",
    )
    assert config.as_flags() == expected["flags"] == (first / "run.flags").read_text()
    again = work / "again" / "run"
    shutil.copytree(first, again)
    measured = evaluation.run(
        dataclasses.replace(config, distortion=("none",), output_dir="again/run")
    )
    assert json.loads((again / "metrics.json").read_text()) == measured
    for row, before in zip(measured["rows"], expected["rows"][:3], strict=True):
        times = {name for name in row if name.startswith("ms_")}
        assert {name: row[name] for name in ROW - times} == {
            name: before[name] for name in ROW - times
        }
    assert [path.name for path in again.parent.iterdir()] == ["run"]
    assert (first / "sheet_noise.jpg").exists()
    assert not (again / "sheet_noise.jpg").exists()


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path):
    process = programs.run(
        "keras_homography.evaluate", "--strengths=strong", "--dataset=synthetic", cwd=tmp_path
    )
    assert process.returncode == 2
    assert process.stderr.startswith("Error: --strengths must be numbers")
    assert len(process.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
