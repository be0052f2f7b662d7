"""The loop over conditions, pairs and estimators."""

import numpy as np
import pytest

from keras_homography.evaluation import error_plots, measurement
from keras_homography.evaluation.conditions import CLEAN, Condition
from keras_homography.evaluation.evaluated_estimators import EvaluatedEstimator


@pytest.fixture(scope="module")
def truth(coco128_pairs):
    """`{patches as bytes: h4pt}`."""
    patches, h4pt = coco128_pairs.collect()
    return {pair.tobytes(): true for pair, true in zip(patches, h4pt, strict=True)}


def test_an_estimator_that_predicts_the_truth_scores_zero(coco128_pairs, truth):
    oracle = EvaluatedEstimator(
        "oracle", lambda patches: np.stack([truth[pair.tobytes()] for pair in patches])
    )
    (result,) = measurement.measure([oracle], coco128_pairs, [CLEAN])
    row = result.as_row(coco128_pairs.protocol)
    assert row["mace"] == row["p99"] == row["l2"] == row["failures"] == 0
    assert row["under_1px"] == 1
    assert row["pairs"] == 70
    np.testing.assert_array_equal(result.h4pt_true, list(truth.values()))


def test_errors_against_confidence(coco128_pairs, truth):
    """An estimator whose error is what it lacks in confidence, and one without a confidence."""
    confidences = dict(
        zip(truth, np.random.default_rng(1).permutation(np.linspace(0, 0.99, 70)), strict=True)
    )

    def predict_with_confidence(patches):
        h4pt = np.stack([truth[pair.tobytes()] for pair in patches])
        confidence = np.array([confidences[pair.tobytes()] for pair in patches])
        return h4pt + [[[1, 0]]] * (1 - confidence)[:, None, None], confidence

    honest = EvaluatedEstimator(
        "honest",
        lambda patches: predict_with_confidence(patches)[0],
        predict_with_confidence=predict_with_confidence,
    )
    silent = EvaluatedEstimator("silent", lambda patches: np.zeros([len(patches), 4, 2]))
    results = measurement.measure([honest, silent], coco128_pairs, [CLEAN])
    bins = results[0].as_row(coco128_pairs.protocol)["by_confidence"]
    assert [error_bin["pairs"] for error_bin in bins] == [9] * 6 + [8] * 2
    for error_bin in bins:
        assert error_bin["median"] == pytest.approx(1 - error_bin["confidence"], abs=0.02)
        assert error_bin["median"] <= error_bin["p90"]
    assert bins[0]["confidence"] < 0.1 < 0.9 < bins[-1]["confidence"]
    assert results[1].as_row(coco128_pairs.protocol)["by_confidence"] is None

    figure = error_plots.error_by_confidence(results)
    medians, _ = figure.axes[0].lines  # of the honest one alone
    np.testing.assert_allclose(medians.get_ydata(), 1 - medians.get_xdata(), atol=0.02)
    assert error_plots.error_by_confidence(results[1:]) is None


class Pairs:
    """Two batches, for `ProtocolPairs`, that name the condition in their gray level."""

    count = 3

    def image_numbers(self):
        return np.arange(3)

    def batches(self, condition):
        for n in (2, 1):
            gray = int(10 * condition.strength)
            yield np.full([n, 8, 8, 2], gray, np.uint8), np.full([n, 4, 2], n, np.float32)


def test_results_come_condition_by_condition_in_the_order_of_estimators():
    def predict(patches):
        return np.full([len(patches), 4, 2], patches.max())

    estimators = [EvaluatedEstimator(name, predict) for name in "ab"]
    conditions = [CLEAN, Condition("noise", 1.0)]
    results = measurement.measure(estimators, Pairs(), conditions)
    assert [(r.condition, r.estimator.name) for r in results] == [
        (condition, name) for condition in conditions for name in "ab"
    ]
    for result in results:
        np.testing.assert_array_equal(
            result.h4pt, np.full([3, 4, 2], result.condition.strength * 10)
        )
        np.testing.assert_array_equal(result.h4pt_true[:, 0, 0], [2, 2, 1])
        assert result.milliseconds.shape == (3,)
        assert result.milliseconds.min() > 0
