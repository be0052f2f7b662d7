"""The confidence: what it is fitted to, and how that is checked."""

import importlib.util

import cv2
import numpy as np
import pytest

from keras_homography.evaluation import CalibrateConfig, confidence_calibration, protocols
from keras_homography.evaluation.protocol_pairs import ProtocolPairs
from keras_homography.geometry import arrays
from keras_homography.registration import alignment_evidence, confidence
from keras_homography.utils.errors import UserError


@pytest.fixture(scope="module")
def pairs():
    """Evidence and errors of 4,000 pairs, correct as often as `confidence` now says."""
    generator = np.random.default_rng(0)
    evidence = [
        alignment_evidence.Evidence(
            overlap=float(generator.uniform(0, 1)),
            windows=60,
            agreeing=int(generator.integers(1, 61)),
            spread=float(generator.uniform(0, 1)),
            disagreement=float(generator.uniform(0.1, 2)),
            displaced=float(generator.uniform(0, 0.6)),
        )
        for _ in range(4000)
    ]
    probabilities = np.array([confidence.probability(e) for e in evidence])
    errors = np.where(generator.uniform(size=4000) < probabilities, 1.0, 50.0)
    return evidence, errors, probabilities


def newton(evidence, errors, prior):
    """Logistic regression by Newton's method, by which the shipped constants were fitted."""
    x = np.array([confidence.features(e) for e in evidence])
    y = (errors < confidence_calibration.MAX_ERROR).astype(np.float64)
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    z = np.column_stack([(x - mean) / deviation, np.ones(len(x))])
    penalty = prior * len(x) * np.diag([1.0] * x.shape[1] + [0.0])
    solution = np.zeros(z.shape[1])
    for _ in range(50):
        p = 1.0 / (1.0 + np.exp(-z @ solution))
        hessian = (z * (p * (1.0 - p))[:, None]).T @ z + penalty
        solution += np.linalg.solve(hessian, z.T @ (y - p) - penalty @ solution)
    weights = solution[:-1] / deviation
    return weights, solution[-1] - weights @ mean


def test_the_fit_recovers_the_weights_that_made_the_pairs(pairs):
    evidence, errors, probabilities = pairs
    weights, bias = confidence_calibration.fit(evidence, errors, prior=1e-6)
    x = np.array([confidence.features(e) for e in evidence])
    fitted = 1.0 / (1.0 + np.exp(-(x @ weights + bias)))
    assert np.abs(fitted - probabilities).mean() < 0.02


@pytest.mark.parametrize("prior", [1e-4, 1e-2])
def test_the_fit_is_that_of_newtons_method(pairs, prior):
    evidence, errors, _ = pairs
    weights, bias = confidence_calibration.fit(evidence, errors, prior)
    expected, expected_bias = newton(evidence, errors, prior)
    np.testing.assert_allclose(weights, expected, rtol=1e-3)
    assert bias == pytest.approx(expected_bias, rel=1e-3)


def test_evidence_without_an_agreeing_window_is_left_out(pairs):
    evidence, errors, _ = pairs
    more = [*evidence, alignment_evidence.NO_EVIDENCE]
    weights, bias = confidence_calibration.fit(more, np.append(errors, np.inf))
    expected, expected_bias = confidence_calibration.fit(evidence, errors)
    np.testing.assert_array_equal(weights, expected)
    assert bias == expected_bias


def test_reliability_is_the_diagonal_for_what_is_calibrated(pairs):
    _, errors, probabilities = pairs
    correct = errors < confidence_calibration.MAX_ERROR
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


def pairs_of(second_image, source, count=4):
    """The kind, and all pairs of it."""
    protocol = protocols.get_protocol("coco128")
    kind = confidence_calibration.PairKind("coco128", "none", 0.0, second_image)
    assert kind in confidence_calibration.KINDS
    protocol_pairs = ProtocolPairs(protocol, source, count, seed=3)
    return list(confidence_calibration._pairs_of_kind(protocol_pairs, kind))


def test_a_turned_image_is_the_same_image_with_its_corners(source):
    for same, turned in zip(pairs_of("same", source), pairs_of("turned", source), strict=True):
        np.testing.assert_array_equal(turned[1], np.rot90(same[1]))
        # The middle of B stays, whichever way it is turned.
        a_from_b, a_from_turned = (
            cv2.getPerspectiveTransform(arrays.corners((128, 128)).astype(np.float32), quad)
            for quad in (same[2], turned[2].astype(np.float32))
        )
        middle = np.array([[63.5, 63.5]])
        np.testing.assert_allclose(
            arrays.transform_points(a_from_turned, middle),
            arrays.transform_points(a_from_b, middle),
            atol=1e-3,
        )


def test_bent_and_other_images_have_no_homography(source):
    same, bent, other = (pairs_of(kind, source) for kind in ("same", "bent", "other"))
    assert len(bent) == 4
    assert len(other) == 3
    assert all(quad is None for _, _, quad in (*bent, *other))
    np.testing.assert_array_equal(other[0][1], same[0][1])
    np.testing.assert_array_equal(other[0][0], same[1][0])
    assert all((b[1] != s[1]).mean() > 0.3 for b, s in zip(bent, same, strict=True))


def test_estimates_of_pairs_are_measured():
    kinds = [confidence_calibration.PairKind("coco128", "none", 0.0, "same")]
    measured = confidence_calibration.measure("synthetic", 4, seed=3, kinds=kinds)
    assert measured.kinds == kinds * 4
    assert measured.errors.max() < 0.05
    assert all(evidence.agreeing > 20 for evidence in measured.evidence)


def test_a_run_checks_the_constants_in_place(pairs, monkeypatch, tmp_path, capsys):
    evidence, errors, probabilities = pairs
    kind = confidence_calibration.KINDS[0]
    measured = confidence_calibration.Measurements([kind] * 4000, evidence, errors)
    monkeypatch.setattr(confidence_calibration, "measure", lambda *arguments: measured)
    checked = confidence_calibration.run(CalibrateConfig(output_dir=str(tmp_path / "out")))
    correct = errors < confidence_calibration.MAX_ERROR
    assert checked["brier"] == pytest.approx(np.mean((probabilities - correct) ** 2))
    assert checked["refused"][kind] == np.mean(probabilities < 0.5)
    assert "WEIGHTS = np.array([" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["reliability.png"]


def test_without_scikit_learn_the_message_says_what_to_install(pairs, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "sklearn" else real(name)
    )
    with pytest.raises(UserError, match=r"pip install 'keras-homography\[calibrate\]'"):
        confidence_calibration.fit(*pairs[:2])
