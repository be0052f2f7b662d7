"""The confidence: what it is fitted to, and how that is checked."""

import dataclasses
import importlib.util

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import warped_pair

from keras_homography.evaluation import (
    CalibrateConfig,
    calibration_measurement,
    calibration_pairs,
    confidence_calibration,
    confidence_fit,
    traps,
)
from keras_homography.evaluation.labeled_pair_measurement import PARTS
from keras_homography.registration import confidence
from keras_homography.registration.evidence import NO_EVIDENCE, Evidence, MatchEvidence
from keras_homography.utils.errors import UserError


def random_evidence(generator):
    """Evidence of any quality, in which windows and matches agree."""
    agreeing, inner_agreeing = generator.integers(1, 201), generator.integers(0, 91)
    matches = MatchEvidence(
        matches=200,
        agreeing=int(agreeing),
        spread=float(generator.uniform(0, 1)),
        residual=float(generator.uniform(0.4, 6)),
        inner_matches=90,
        inner_agreeing=int(inner_agreeing),
    )
    return Evidence(
        overlap=float(generator.uniform(0, 1)),
        windows=60,
        agreeing=int(generator.integers(1, 61)),
        spread=float(generator.uniform(0, 1)),
        disagreement=float(generator.uniform(0.1, 2)),
        displaced=float(generator.uniform(0, 0.6)),
        matches=matches,
        precise_share=float(generator.uniform(0, 1)),
    )


@pytest.fixture(scope="module")
def pairs():
    """Evidence of 4,000 pairs, and which are correct: as often as `confidence` now says."""
    generator = np.random.default_rng(0)
    evidence = [random_evidence(generator) for _ in range(4000)]
    probabilities = np.array([confidence.probability(e) for e in evidence])
    return evidence, generator.uniform(size=4000) < probabilities, probabilities


def newton(evidence, correct, prior, used):
    """Logistic regression by Newton's method, on some of the features; the others weigh nothing."""
    x = np.array([confidence.features(e) for e in evidence])[:, used]
    y = correct.astype(np.float64)
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    z = np.column_stack([(x - mean) / deviation, np.ones(len(x))])
    penalty = prior * len(x) * np.diag([1.0] * x.shape[1] + [0.0])
    solution = np.zeros(z.shape[1])
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-z @ solution))
        hessian = (z * (p * (1.0 - p))[:, None]).T @ z + penalty
        solution += np.linalg.solve(hessian, z.T @ (y - p) - penalty @ solution)
    weights = np.zeros(len(used))
    weights[used] = solution[:-1] / deviation
    return weights, solution[-1] - weights[used] @ mean


def test_the_fit_recovers_the_weights_that_made_the_pairs(pairs):
    evidence, correct, probabilities = pairs
    constants = confidence_fit.fit(evidence, correct, prior=1e-6)
    fitted = np.array([confidence.probability(e, constants) for e in evidence])
    assert np.abs(fitted - probabilities).mean() < 0.02


def test_what_has_several_homographies_does_not_make_others_doubtful(pairs):
    evidence, correct, _ = pairs
    best = max(evidence, key=confidence.probability)
    repeating = [dataclasses.replace(best, alternatives=1)] * 400
    constants = confidence_fit.fit([*evidence, *repeating], np.append(correct, [False] * 400))
    alone = confidence_fit.fit(evidence, correct)
    np.testing.assert_allclose(constants.weights, alone.weights)
    assert constants.bias == pytest.approx(alone.bias)


@pytest.mark.parametrize("prior", [1e-4, 1e-2])
def test_the_fit_is_that_of_newtons_method(pairs, prior):
    evidence, correct, _ = pairs
    fitted = confidence_fit.fit(evidence, correct, prior)
    expected, expected_bias = newton(evidence, correct, prior, fitted.weights != 0.0)
    np.testing.assert_allclose(fitted.weights, expected, rtol=1e-3)
    assert fitted.bias == pytest.approx(expected_bias, rel=1e-3)


def test_no_weight_says_that_better_evidence_is_worse(pairs):
    evidence, correct, _ = pairs
    # As if a small residual were a bad sign.
    worse = [
        dataclasses.replace(e, matches=dataclasses.replace(e.matches, residual=residual))
        for e, residual in zip(evidence, np.where(correct, 5.0, 0.5), strict=True)
    ]
    weights = confidence_fit.fit(worse, correct).weights
    assert weights[6] == 0.0
    assert (weights * confidence.SIGNS >= 0.0).all()
    assert (weights != 0.0).sum() >= 4


def test_evidence_without_an_agreeing_window_is_left_out(pairs):
    evidence, correct, _ = pairs
    more = [*evidence, NO_EVIDENCE]
    fitted = confidence_fit.fit(more, np.append(correct, False))
    expected = confidence_fit.fit(evidence, correct)
    np.testing.assert_array_equal(fitted.weights, expected.weights)
    assert fitted.bias == expected.bias


def test_the_second_fit_recovers_the_confidence_of_pairs_with_fine_matches(pairs):
    evidence, correct, _ = pairs
    generator = np.random.default_rng(1)
    fine = [
        dataclasses.replace(e, fine_matches=random_evidence(generator).matches) for e in evidence
    ]
    known = confidence.Constants(
        fine_weights=np.array([0.5, 1.0, 2.0, 1.0, -2.0, 0.3, -3.0]), fine_bias=-1.0
    )
    expected = np.array([confidence.probability(e, known) for e in fine])
    drawn = generator.uniform(size=len(fine)) < expected
    # Pairs without such matches decide about the first regression alone.
    constants = confidence_fit.fit([*fine, *evidence], np.concatenate([drawn, correct]), prior=1e-6)
    fitted = np.array([confidence.probability(e, constants) for e in fine])
    assert np.abs(fitted - expected).mean() < 0.04
    assert np.abs(fitted - [confidence.probability(e) for e in evidence]).mean() > 0.1


def test_reliability_is_the_diagonal_for_what_is_calibrated(pairs):
    _, correct, probabilities = pairs
    bins = confidence_calibration.reliability(probabilities, correct)
    assert sum(count for count, _, _ in bins) == 4000
    for count, mean, share in bins:
        assert abs(mean - share) < 4.0 / np.sqrt(count)


def test_the_counts_are_those_of_the_bins():
    probabilities = np.array([0.0, 0.05, 0.31, 0.32, 0.39, 0.95, 1.0])
    correct = np.array([0, 0, 1, 0, 1, 1, 1], bool)
    assert confidence_calibration.reliability(probabilities, correct) == [
        (2, pytest.approx(0.025), 0.0),
        (3, pytest.approx(0.34), pytest.approx(2 / 3)),
        (2, pytest.approx(0.975), 1.0),
    ]


def test_estimates_of_pairs_are_measured(images, monkeypatch):
    a, b, a_from_b = warped_pair(images[0, ..., 0], 3, reach=12.0)
    made = [
        traps.Trap("warped", a, b, np.linalg.inv(a_from_b), traps.RIGHT),
        traps.Trap("other", a, images[1, ..., 0], None, traps.REFUSED),
    ]
    requested = []

    def make_pairs(*arguments):
        requested.append(arguments)
        return iter(made)

    monkeypatch.setattr(calibration_pairs, "make_pairs", make_pairs)
    measured = calibration_measurement.measure("synthetic", 4, seed=3)
    assert requested == [("synthetic", 4, 3)]
    assert measured.kinds == ["warped", "other"]
    np.testing.assert_array_equal(measured.correct, [True, False])
    assert measured.evidence[0].agreeing > 20
    assert measured.evidence[0].matches.agreeing > 20
    # Evidence of what would be refused is measured too.
    assert measured.evidence[1].windows > 0


def test_a_run_checks_the_constants_in_place(pairs, monkeypatch, tmp_path, capsys):
    evidence, correct, probabilities = pairs
    kinds = ["coco128"] * 2000 + ["chessboard"] * 2000
    measured = calibration_measurement.Measurements(kinds, evidence, correct)
    monkeypatch.setattr(calibration_measurement, "measure", lambda *arguments: measured)
    config = CalibrateConfig(dataset=None, output_dir=str(tmp_path / "out"))
    checked = confidence_calibration.run(config)
    assert checked["brier"] == pytest.approx(np.mean((probabilities - correct) ** 2))
    for kind, of_kind in (("coco128", slice(2000)), ("chessboard", slice(2000, None))):
        answered = probabilities[of_kind] >= 0.5
        assert checked["refused"][kind] == np.mean(~answered)
        assert checked["wrong"][kind] == np.mean(answered & ~correct[of_kind])
    # Of traps also what a fit without them says.
    assert list(checked["unseen"]) == ["chessboard"]
    assert checked["unseen"]["chessboard"] == pytest.approx(
        checked["wrong"]["chessboard"], abs=0.05
    )
    printed = capsys.readouterr().out
    assert "WEIGHTS" not in printed
    assert "| chessboard | 2000 |" in printed
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["reliability.png"]


def test_a_run_checks_each_set_by_a_fit_to_the_other(pairs, monkeypatch, tmp_path, capsys):
    evidence, correct, probabilities = pairs
    # In the second set, right and wrong are exchanged: a fit to the other is as bad as can be.
    sets = {"fit": correct, "check": ~correct}

    def measure(dataset, count, seed):
        return calibration_measurement.Measurements(["coco128"] * 4000, evidence, sets[dataset])

    monkeypatch.setattr(calibration_measurement, "measure", measure)
    config = CalibrateConfig(
        dataset="fit", validation_dataset="check", output_dir=str(tmp_path / "out")
    )
    checked = confidence_calibration.run(config)
    assert checked["brier"] > 3.0 * np.mean((probabilities - correct) ** 2)
    expected = confidence_fit.fit([*evidence, *evidence], np.append(correct, ~correct))
    np.testing.assert_array_equal(checked["constants"].weights, expected.weights)
    assert "WEIGHTS = np.array([" in capsys.readouterr().out


def test_a_half_of_real_pairs_is_checked_by_a_fit_to_all_but_it(
    pairs, monkeypatch, tmp_path, capsys
):
    evidence, correct, _ = pairs

    def measure(dataset, count, seed):
        return calibration_measurement.Measurements(["coco128"] * 4000, evidence, correct)

    def measure_labeled(folder, part):
        assert folder == "real"
        of_part = correct[:100] if part == "tune" else ~correct[:100]
        return calibration_measurement.Measurements([part] * 100, evidence[:100], of_part)

    monkeypatch.setattr(calibration_measurement, "measure", measure)
    monkeypatch.setattr(calibration_measurement, "measure_labeled", measure_labeled)
    config = CalibrateConfig(labeled_pairs="real", output_dir=str(tmp_path / "out"))
    checked = confidence_calibration.run(config)
    known = [(evidence, correct)] * 2
    halves = {"tune": correct[:100], "report": ~correct[:100]}
    squares = []
    for part, other in (("tune", "report"), ("report", "tune")):
        fitted = confidence_fit.fit(
            [*known[0][0], *known[1][0], *evidence[:100]],
            np.concatenate([correct, correct, halves[other]]),
        )
        probabilities = np.array([confidence.probability(e, fitted) for e in evidence[:100]])
        squares.append((probabilities - halves[part]) ** 2)
        assert checked["refused"][part] == np.mean(probabilities < 0.5)
    assert checked["brier_labeled"] == pytest.approx(np.mean(squares))
    assert checked["brier"] < 0.2
    assert sum(count for count, _, _ in checked["bins"]) == 8000
    assert "on 200 real pairs" in capsys.readouterr().out


def test_real_pairs_are_right_within_five_pixels(images, tmp_path):
    """Two pairs with true labels, one that is 4 px off, one 6 px off, and one without an image."""
    a, b, a_from_b = warped_pair(images[0, ..., 0], 3, reach=12.0)
    expected = {}
    for number, offset in enumerate((0, 0, 4, 6)):
        folder = tmp_path / "kind" / f"{number}"
        folder.mkdir(parents=True)
        cv2.imwrite(str(folder / "a.png"), a)
        cv2.imwrite(str(folder / "b.png"), b)
        shift = np.array([[1, 0, offset], [0, 1, 0], [0, 0, 1]])
        np.savetxt(folder / "b_from_a.txt", shift @ np.linalg.inv(a_from_b))
        expected[number] = offset < 5
    (tmp_path / "kind" / "empty").mkdir()
    np.savetxt(tmp_path / "kind" / "empty" / "b_from_a.txt", np.eye(3))
    halves = [calibration_measurement.measure_labeled(tmp_path, part) for part in PARTS]
    measured = calibration_measurement.join(halves)
    assert measured.kinds == ["kind"] * 4
    assert sorted(measured.correct) == sorted(expected.values())
    assert all(e.agreeing > 20 for e in measured.evidence)


def test_without_scikit_learn_the_message_says_what_to_install(pairs, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "sklearn" else real(name)
    )
    with pytest.raises(UserError, match=r"pip install 'keras-homography\[calibrate\]'"):
        confidence_fit.fit(*pairs[:2])
