"""Evaluations on whole images, from the configuration to the files."""

import json

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import warped_pair

from keras_homography import evaluation
from keras_homography.evaluation import traps
from keras_homography.evaluation.config import EvaluateConfig
from keras_homography.utils.errors import UserError


def test_pairs_are_measured_and_reported(images, tmp_path):
    for number in range(3):
        a, b, a_from_b = warped_pair(images[number, ..., 0], number, 10)
        folder = tmp_path / "data" / "kind" / str(number)
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "a.png"), a)
        cv2.imwrite(str(folder / "b.png"), b)
        np.savetxt(folder / "b_from_a.txt", np.linalg.inv(a_from_b))
    (tmp_path / "data" / "kind" / "2" / "b.png").unlink()
    config = EvaluateConfig(
        model=("estimator", "identity"),
        protocol="pairs",
        dataset=str(tmp_path / "data"),
        output_dir=str(tmp_path / "out"),
    )
    measured = evaluation.run(config)
    rows = {(row["estimator"], row["kind"]): row for row in measured["rows"]}
    assert set(rows) == {(e, k) for e in ("estimator", "identity") for k in (None, "kind")}
    assert rows["estimator", None]["right_3px"] == 2
    assert rows["identity", "kind"]["right_3px"] == 0
    assert measured["skipped"] == {"kind/2": "image B is missing"}
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == measured
    report = (tmp_path / "out" / "metrics.md").read_text()
    assert "## all kinds" in report
    assert "kind/2: image B is missing" in report
    assert (tmp_path / "out" / "report.html").stat().st_size > 1000


def test_the_matcher_is_opened_before_any_pair(tmp_path):
    config = EvaluateConfig(
        model=("estimator",), protocol="pairs", dataset=str(tmp_path), matcher="none"
    )
    with pytest.raises(UserError, match="no model 'none'"):
        evaluation.run(config)


def test_a_folder_whose_pairs_are_all_bad_is_refused(tmp_path):
    folder = tmp_path / "data" / "pair"
    folder.mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"no image")
    np.savetxt(folder / "b_from_a.txt", np.eye(3))
    config = EvaluateConfig(
        model=("identity",), protocol="pairs", dataset=str(tmp_path / "data"), output_dir=None
    )
    with pytest.raises(UserError, match="could be used"):
        evaluation.run(config)


def test_traps_are_measured_and_reported(image_folder, tmp_path):
    config = EvaluateConfig(
        model=("identity",),
        protocol="traps",
        dataset=str(image_folder),
        output_dir=str(tmp_path / "out"),
    )
    measured = evaluation.run(config)
    total = measured["rows"][0]
    assert total["kind"] is None
    assert total["pairs"] == traps.COUNT
    assert total["wrong"] + total["right"] + total["unsure"] == traps.COUNT
    assert total["right"] == 0
    assert total["risk_coverage_area"] > 0.9
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        *("metrics.json", "metrics.md", "report.html", "risk_coverage.png", "wrong.jpg"),
    }
