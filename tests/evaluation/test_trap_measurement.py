"""Verdicts on traps, and risk against coverage, by hand."""

import numpy as np
import pytest

from keras_homography.evaluation import trap_measurement, trap_scenes, traps
from keras_homography.evaluation.image_estimators import Answer, ImageEstimator
from keras_homography.evaluation.image_results import Outcome

BLANK = np.zeros((trap_scenes.HEIGHT, trap_scenes.WIDTH), np.uint8)


def shift(x):
    return np.array([[1.0, 0, x], [0, 1, 0], [0, 0, 1]])


TRUTH = shift(100.0)


def trap(expected=traps.RIGHT, truth=TRUTH, kind="shadow"):
    return traps.Trap(kind, BLANK, BLANK, truth, expected)


@pytest.mark.parametrize(
    ("expected", "answered", "error", "verdict"),
    [
        (traps.RIGHT, True, 2.9, "right"),
        (traps.RIGHT, True, 5.0, "unsure"),
        (traps.RIGHT, True, 11.0, "wrong"),
        (traps.RIGHT, False, 0.1, "refused"),
        (traps.EITHER, True, 11.0, "wrong"),
        (traps.REFUSED, True, np.inf, "wrong"),
        (traps.REFUSED, False, np.inf, "refused"),
    ],
)
def test_verdicts(expected, answered, error, verdict):
    answer = Answer(np.eye(3), answered, 0.9)
    assert trap_measurement.judge(expected, answer, error) == verdict


def test_the_error_is_of_what_both_images_show():
    assert trap_measurement.overlap_error(shift(100), trap()) == pytest.approx(0, abs=1e-9)
    assert trap_measurement.overlap_error(shift(103), trap()) == pytest.approx(3)
    assert trap_measurement.overlap_error(shift(103), trap(truth=None)) == np.inf
    # A scale about the far corner of the overlap errs there by nothing, elsewhere in proportion.
    about = shift(480) @ np.diag([1.1, 1.0, 1.0]) @ shift(-480) @ shift(100)
    assert trap_measurement.overlap_error(about, trap()) == pytest.approx(0.1 * 380 / 2)


def test_risk_rises_where_confidence_is_wrong():
    def outcome(confidence, error):
        return Outcome("mine", "shadow", "name", Answer(np.eye(3), True, confidence), error, 1.0)

    nothing = Outcome("mine", "shadow", "name", Answer(None, False, 0.0), np.inf, 1.0)
    outcomes = [outcome(0.2, 50), outcome(0.9, 1), outcome(0.8, 1), nothing]
    coverage, risk = trap_measurement.risk_coverage(outcomes)
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75])
    np.testing.assert_allclose(risk, [0, 0, 1 / 3])


def test_estimators_are_measured_and_summarized():
    estimators = [
        ImageEstimator("oracle", lambda a, b: Answer(shift(100), True, 1.0)),
        ImageEstimator("coward", lambda a, b: Answer(None, False, 0.0)),
        ImageEstimator("reasoner", lambda a, b: Answer(None, False, 0.0, "it …", "repeats_itself")),
    ]
    rendered = [trap(), trap(traps.REFUSED, None, "chessboard")]
    outcomes, verdicts = trap_measurement.measure(estimators, rendered, 2)
    rows = {
        (row["estimator"], row["kind"]): row for row in trap_measurement.rows(outcomes, verdicts)
    }
    assert rows["oracle", None]["right"] == 1
    assert rows["oracle", None]["wrong"] == 1
    assert rows["oracle", "chessboard"]["wrong_confidences"] == [1.0]
    assert rows["coward", None]["refused"] == 2
    assert rows["coward", None]["risk_coverage_area"] is None
    assert rows["coward", None]["refused_with_reason"] == 0
    # Of a shadow and of a chessboard, the reason is that of the chessboard.
    assert rows["reasoner", None]["refused_with_reason"] == 2
    assert rows["reasoner", None]["reason_as_expected"] == 1
