"""The program `evaluate`, and the loop behind it."""

import html.parser
import json
import re
import subprocess
import sys
import textwrap

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import programs

from keras_homography.data import synthetic_images
from keras_homography.evaluation import error_plots, measurement, predictors, protocols, report

FIGURES = {
    "estimator", "protocol", "distortion", "strength", "pairs", "mace", "mace_low", "mace_high",
    "mace_uncapped", "mace_answered", "median", "p90", "p99", "under_1px", "under_3px",
    "under_5px", "failures", "not_returned", "l2", "ms_per_pair", "parameters", "file_bytes",
    "by_confidence",
}  # fmt: skip


def make_photos(folder, sides):
    folder.mkdir(exist_ok=True)
    for number, (height, width) in enumerate(sides):
        image = synthetic_images.draw_image(
            tf.constant([7, number], tf.int64), height, width
        ).numpy()
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_photos(tmp_path_factory.mktemp("data") / "photos", [(150, 200)] * 3 + [(90, 200)])


@pytest.fixture(scope="module")
def source(folder):
    return protocols.open_source(protocols.get("coco128"), str(folder))


def save_model(path, size):
    pairs = keras.Input((size, size, 2))
    x = keras.layers.GlobalAveragePooling2D()(pairs)
    x = keras.layers.Dense(8, kernel_initializer="zeros")(x)
    keras.Model(pairs, keras.layers.Reshape((4, 2))(x)).save(path)
    return str(path)


def run(*arguments, cwd):
    return programs.run("keras_homography.evaluate", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    """A run through the command line: `(process, output folder, arguments)`."""
    work = tmp_path_factory.mktemp("work")
    arguments = [
        f"--model=identity,sift_ransac,{save_model(work / 'zero.keras', 128)}",
        f"--dataset={folder}",
        "--distortion=none,noise",
        "--strengths=0.5,1",
        "--pairs=7",
    ]
    process = run(*arguments, "--output_dir=out/first", cwd=work)
    return process, work / "out" / "first", arguments


def without_times(measured):
    rows = [{k: v for k, v in row.items() if k != "ms_per_pair"} for row in measured["rows"]]
    return {**{k: v for k, v in measured.items() if k != "flags"}, "rows": rows}


def test_a_run_leaves_everything_behind(finished):
    process, output_dir, _ = finished
    assert process.returncode == 0, process.stderr
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
    }
    assert [path.name for path in output_dir.parent.iterdir()] == ["first"]
    measured = json.loads((output_dir / "metrics.json").read_text())
    assert measured["schema_version"] == 1
    assert (measured["photos"], measured["photos_skipped"]) == (3, 1)
    assert measured["seed"] == protocols.SEED
    assert len(measured["rows"]) == 3 * 3
    for row in measured["rows"]:
        assert set(row) == FIGURES
        assert row["pairs"] == 7
        assert row["mace_low"] <= row["mace"] <= row["mace_high"]
        assert row["ms_per_pair"] > 0
    conditions = [(row["distortion"], row["strength"]) for row in measured["rows"][::3]]
    assert conditions == [("none", 0.0), ("noise", 0.5), ("noise", 1.0)]
    identity, sift, network = measured["rows"][:3]
    assert identity["mace"] == network["mace"]  # it predicts zeros
    assert network["parameters"] == 24
    assert sift["parameters"] is None
    assert sift["median"] < 2 < 15 < identity["median"]
    assert "pairs/s" in process.stdout
    assert (output_dir / "metrics.md").read_text() in process.stdout
    assert "--pairs=7\n" in (output_dir / "run.flags").read_text()


class Collector(html.parser.HTMLParser):
    """The sources of images and the text of cells in a page."""

    def __init__(self):
        super().__init__()
        self.sources, self.open = [], []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.sources += [attributes[name] for name in ("src", "href") if name in attributes]
        if tag not in ("img", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_report_is_well_formed_and_needs_nothing_else(finished):
    text = (finished[1] / "report.html").read_text()
    page = Collector()
    page.feed(text)
    assert page.open == []
    assert len(page.sources) == 5
    assert all(source.startswith("data:image/") for source in page.sources)
    assert "http" not in text.replace("data:image", "")[: text.index("<img")]
    assert "sift_ransac" in text


def test_pictures_can_be_read_back(finished):
    for path in [*finished[1].glob("*.png"), *finished[1].glob("*.jpg")]:
        picture = cv2.imread(str(path))
        assert picture.shape[0] > 200
        assert picture.std() > 5


def test_bad_input_and_a_second_run(finished, folder, tmp_path):
    _, first, arguments = finished
    (tmp_path / "empty").mkdir()
    make_photos(tmp_path / "small", [(120, 300)])
    (tmp_path / "broken.keras").write_bytes(b"not a model")
    save_model(tmp_path / "small.keras", 64)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").write_text("work of years")
    (tmp_path / "file").write_text("")
    data = f"--dataset={folder}"
    cases = [
        (["--model=surf", data], "no model 'surf'"),
        (["--model=small.keras", data], "takes patches of 64"),
        (["--model=broken.keras", data], "Cannot read broken.keras"),
        (["--model=missing.keras", data], "no model 'missing.keras'"),
        (["--model=", data], "No estimator is given"),
        (["--dataset=empty"], "No usable image below empty"),
        (["--dataset=small"], "300x120 is below 128 pixels"),
        (["--dataset=nowhere"], "neither a folder nor a TFDS dataset"),
        (["--distortion=fog", data], "no distortion 'fog'"),
        (["--strengths=strong", "--distortion=blur", data], "--strengths must be numbers"),
        (["--strengths=9", "--distortion=blur", data], "at most 2"),
        (["--protocol=coco", data], "no protocol 'coco'"),
        (["--pairs=0", data], "--pairs must be at least 1"),
        (["--output_dir=taken", data], "holds files of something else, such as thesis.tex"),
        (["--output_dir=file", data], "is not a folder"),
    ]
    before = sorted(tmp_path.rglob("*"))
    expected = json.loads((first / "metrics.json").read_text())
    for bad, message in cases:
        process = run("--model=identity", "--output_dir=out", *bad, cwd=tmp_path)
        error = process.stderr
        assert process.returncode == 2, (bad, error)
        assert message in error
        # TensorFlow's own lines begin with a letter and the date.
        lines = [line for line in error.splitlines() if not re.match(r"[WIE]\d{4} |W", line)]
        assert len(lines) == 1, (bad, error)
        assert lines[0].startswith("Error: ")
    assert sorted(tmp_path.rglob("*")) == before

    # The finished run's command line again: its folder is replaced, with the same figures.
    process = run(*arguments, f"--output_dir={first}", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    found = json.loads((first / "metrics.json").read_text())
    assert found != expected  # the times differ
    assert without_times(found) == without_times(expected)
    assert [path.name for path in first.parent.iterdir()] == ["first"]


def test_a_mistake_is_one_line_and_exit_code_2(tmp_path):
    process = run("--model=surf", "--dataset=synthetic", cwd=tmp_path)
    assert process.returncode == 2
    assert process.stderr.startswith("Error: There is no model 'surf'")
    assert len(process.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_users_estimator_runs_in_the_program(folder, tmp_path):
    script = """
        from keras_homography import baselines, evaluate, programs

        baselines.ESTIMATORS["mine"] = lambda patch_a, patch_b: None
        programs.run(evaluate.main)
    """
    process = subprocess.run(
        [
            *(sys.executable, "-c", textwrap.dedent(script)),
            *("--model=mine,identity", "--pairs=2", f"--dataset={folder}", "--output_dir=out"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    mine, identity = json.loads((tmp_path / "out" / "metrics.json").read_text())["rows"]
    assert mine["mace"] == identity["mace"]
    assert (mine["failures"], mine["not_returned"]) == (2, 2)
    assert identity["failures"] == 0


def all_pairs(source, count, *condition):
    batches = list(protocols.batches(protocols.get("coco128"), source, count, *condition))
    return [np.concatenate(parts) for parts in zip(*batches, strict=True)]


def test_a_model_that_returns_the_truth_scores_zero(source):
    protocol = protocols.get("coco128")
    patches, h4pt = all_pairs(source, 70)
    truth = {pair.tobytes(): true for pair, true in zip(patches, h4pt, strict=True)}
    oracle = predictors.Predictor(
        "oracle", lambda patches: np.stack([truth[pair.tobytes()] for pair in patches])
    )
    (result,) = measurement.measure([oracle], protocol, source, [("none", 0.0)], 70)
    row = measurement.row(result, protocol)
    assert row["mace"] == row["p99"] == row["l2"] == row["failures"] == 0
    assert row["under_1px"] == 1
    assert row["pairs"] == 70
    np.testing.assert_array_equal(result.h4pt_true, h4pt)


def test_the_pairs_behind_a_figure_are_made_again(source):
    protocol = protocols.get("coco128")
    patches, _ = all_pairs(source, 66, "occlusion", 1.0)
    found = measurement.patches_of([65, 3, 3], protocol, source, 66, "occlusion", 1.0)
    assert sorted(found) == [3, 65]
    np.testing.assert_array_equal(found[65], patches[65])
    np.testing.assert_array_equal(found[3], patches[3])


@pytest.mark.parametrize("count", [1, 2, 5, 6, 101])
def test_best_median_and_worst(count):
    errors = np.random.default_rng(count).permutation(count).astype(float)
    indices = measurement.best_median_worst(errors)
    assert len(indices) == 6
    assert errors[indices[0]] == 0
    assert abs(errors[indices[2]] - (count - 1) / 2) <= 0.5
    assert errors[indices[5]] == count - 1
    assert (np.diff(errors[indices]) >= 0).all()


def make_results(predicted, conditions=(("none", 0.0),), name="mine"):
    h4pt_true = np.random.default_rng(0).uniform(-32, 32, [len(predicted), 4, 2])
    predictor = predictors.Predictor(name, lambda patches: predicted)
    return [measurement.Result(predictor, *c, h4pt_true, predicted, 1.0) for c in conditions]


def test_errors_against_confidence(source, tmp_path):
    """An estimator whose error is what it lacks in confidence, and one that does not say."""
    protocol = protocols.get("coco128")
    truth = {pair.tobytes(): h4pt for pair, h4pt in zip(*all_pairs(source, 70), strict=True)}
    confidences = np.random.default_rng(1).permutation(np.linspace(0, 0.99, 70))

    def predict_with_confidence(patches):
        h4pt = np.stack([truth[pair.tobytes()] for pair in patches])
        sure = np.array([confidences[list(truth).index(pair.tobytes())] for pair in patches])
        return h4pt + [[[1, 0]]] * (1 - sure)[:, None, None], sure

    honest = predictors.Predictor(
        "honest",
        lambda patches: predict_with_confidence(patches)[0],
        predict_with_confidence=predict_with_confidence,
    )
    silent = predictors.Predictor("silent", lambda patches: np.zeros([len(patches), 4, 2]))
    results = measurement.measure([honest, silent], protocol, source, [("none", 0.0)], 70)
    bins = measurement.row(results[0], protocol)["by_confidence"]
    assert [bin_["pairs"] for bin_ in bins] == [9] * 6 + [8] * 2
    for bin_ in bins:
        assert bin_["median"] == pytest.approx(1 - bin_["confidence"], abs=0.02)
        assert bin_["median"] <= bin_["p90"]
    assert bins[0]["confidence"] < 0.1 < 0.9 < bins[-1]["confidence"]
    assert measurement.row(results[1], protocol)["by_confidence"] is None
    error_plots.error_by_confidence(results).savefig(tmp_path / "plot.png")
    assert cv2.imread(str(tmp_path / "plot.png")).std() > 5
    assert error_plots.error_by_confidence(results[1:]) is None


def test_pictures_of_what_is_not_finite_or_far_away(tmp_path):
    predicted = np.full([6, 4, 2], np.nan)
    predicted[2:] = 1e12
    predicted[5] = 0
    results = make_results(predicted, [("none", 0.0), ("blur", 0.5), ("blur", 2.0)])
    for plot in (
        error_plots.error_distribution,
        error_plots.error_by_displacement,
        error_plots.error_by_strength,
    ):
        plot(results).savefig(tmp_path / "plot.png")
        assert cv2.imread(str(tmp_path / "plot.png")).std() > 5
    patches = dict.fromkeys(range(6), np.full([256, 256, 2], 90, np.uint8))
    picture = error_plots.sheet(results[:1], lambda *_: patches)
    assert picture.dtype == np.uint8
    red_minus_green = picture[..., 0].astype(int) - picture[..., 1]
    green, red = red_minus_green < -50, red_minus_green > 50
    assert green.any()
    columns = picture.shape[1] // 6
    assert red[:, :columns].any()  # the best is the identity, drawn
    assert error_plots.error_by_strength(results[:1]) is None


def test_names_of_estimators_cannot_break_the_report():
    name = "<script>alert(1)</script>|&"
    (result,) = make_results(np.zeros([3, 4, 2]), name=name)
    protocol = protocols.get("paper256")
    measured = {
        "dataset": "a<b",
        "photos": None,
        "photos_skipped": None,
        "protocol": vars(protocol),
        "paper_doubling": False,
        "pairs": 3,
        "seed": 1,
        "threads": {"opencv": 2},
        "environment": dict.fromkeys(
            ("date", "keras_homography", "tensorflow", "keras", "opencv", "machine"), "x"
        ),
        "rows": [measurement.row(result, protocol)],
    }
    text = report.page(measured, [])
    assert "<script>" not in text
    assert "HomographyNet (regression) 9.2, ORB + RANSAC 11.7, identity 49.1" in text
    table = [line for line in report.markdown(measured).splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {len(report._HEADINGS) + 1}
