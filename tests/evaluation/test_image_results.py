"""Rows of metrics of image pairs, against counts and areas by hand."""

import numpy as np
import pytest

from keras_homography.evaluation import image_results
from keras_homography.evaluation.image_estimators import Answer


def outcome(error, answered=True, kind="x", milliseconds=1.0):
    answer = Answer(np.eye(3), answered, 0.9)
    return image_results.Outcome("mine", kind, "name", answer, error, milliseconds)


def test_counts_and_areas():
    outcomes = [outcome(e) for e in (0.5, 2.0, 4.0, 8.0, 15.0, 30.0, np.inf)] + [
        outcome(0.1, False)
    ]
    total, of_kind = image_results.rows(outcomes)
    assert total["kind"] is None
    assert of_kind["kind"] == "x"
    assert (total["right_3px"], total["right_5px"], total["right_10px"]) == (2, 3, 4)
    assert (total["wrong"], total["refused"], total["pairs"]) == (2, 1, 8)
    assert total["auc_1"] == pytest.approx(0.5 / 8)
    # The area below the curve of the share of pairs against their error, by brute force.
    grid = np.linspace(0, 10, 100_001)
    errors = np.array([0.5, 2.0, 4.0, 8.0])
    share = (errors[:, None] <= grid).sum(axis=0) / 8
    assert total["auc_10"] == pytest.approx(share.mean(), abs=1e-4)


def test_kinds_and_estimators_have_rows_of_their_own():
    outcomes = [outcome(1.0, kind="x"), outcome(50.0, kind="y"), outcome(1.0, kind="y")]
    rows = image_results.rows(outcomes)
    assert [(row["kind"], row["pairs"], row["wrong"]) for row in rows] == [
        (None, 3, 1),
        ("x", 1, 0),
        ("y", 2, 1),
    ]
