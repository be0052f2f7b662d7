"""Bins, selections and rows of results."""

import numpy as np
import pytest

from keras_homography.evaluation import protocols, results
from keras_homography.evaluation.conditions import CLEAN, Condition


@pytest.mark.parametrize("count", [1, 2, 5, 6, 101])
def test_best_median_and_worst(count):
    errors = np.random.default_rng(count).permutation(count).astype(float)
    indices = results.best_median_worst(errors)
    assert len(indices) == 6
    assert errors[indices[0]] == 0
    assert abs(errors[indices[2]] - (count - 1) / 2) <= 0.5
    assert errors[indices[5]] == count - 1
    assert (np.diff(errors[indices]) >= 0).all()


def test_bins_hold_equally_many_pairs_by_increasing_value():
    values = np.random.default_rng(0).permutation(70).astype(float)
    bins = results.bin_errors(values, 2 * values)
    assert [error_bin.pairs for error_bin in bins] == [9] * 6 + [8] * 2
    assert bins[0].mean == np.arange(9).mean()
    for error_bin in bins:
        assert error_bin.median == 2 * error_bin.mean
        assert error_bin.median <= error_bin.p90


def test_the_strength_nearest_to_the_default_is_selected(make_results):
    conditions = [CLEAN, *(Condition("blur", s) for s in (0.25, 0.5, 1.25)), Condition("noise", 2)]
    of_all = make_results(np.zeros([3, 4, 2]), conditions)
    selected = results.nearest_to_default(of_all)
    assert list(selected) == [CLEAN, Condition("blur", 1.25), Condition("noise", 2)]
    assert selected[Condition("blur", 1.25)] == [of_all[3]]


def test_a_row_names_its_condition_and_counts_missing_answers(make_results):
    h4pt = np.zeros([3, 4, 2])
    h4pt[1] = np.nan
    (result,) = make_results(h4pt, [Condition("blur", 0.5)])
    row = result.as_row(protocols.get_protocol("coco128"))
    assert (row["estimator"], row["protocol"]) == ("mine", "coco128")
    assert (row["distortion"], row["strength"], row["pairs"]) == ("blur", 0.5, 3)
    assert row["not_returned"] == 1
    assert row["mace"] == pytest.approx(result.displacements.mean())
    assert row["by_confidence"] is None
