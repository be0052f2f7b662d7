"""Corner errors and their summaries."""

import numpy as np
import pytest

from keras_homography.evaluation import metrics
from keras_homography.utils.errors import UserError


@pytest.fixture
def h4pt_true():
    return np.random.default_rng(0).uniform(-32, 32, [200, 4, 2])


def test_the_truth_scores_zero(h4pt_true):
    summary = metrics.summarize_predictions(h4pt_true, h4pt_true)
    shares = {"under_1px", "under_3px", "under_5px"}
    assert {name: summary[name] for name in shares} == dict.fromkeys(shares, 1.0)
    assert all(value == 0 for name, value in summary.items() if name not in shares)


def test_shares_are_of_pairs_under_a_number_of_pixels():
    summary = metrics.summarize([0.5, 2.0, 4.0, 6.0])
    assert [summary[f"under_{px}px"] for px in (1, 3, 5)] == [0.25, 0.5, 0.75]


def test_the_corner_error_is_the_mean_distance_of_corners():
    h4pt = np.zeros([1, 4, 2])
    h4pt[0, 0], h4pt[0, 1] = [3, 4], [0, -1]
    np.testing.assert_allclose(metrics.corner_errors(np.zeros([1, 4, 2]), h4pt), [(5 + 1) / 4])


def test_shapes_that_differ_are_refused():
    with pytest.raises(UserError, match="every pair"):
        metrics.corner_errors(np.zeros([2, 4, 2]), np.zeros([3, 4, 2]))
    with pytest.raises(UserError, match="nothing to summarize"):
        metrics.summarize([])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_pair_without_an_answer_counts_as_the_identity(h4pt_true, value):
    h4pt = h4pt_true.copy()
    h4pt[3, 2, 1] = value
    summary = metrics.summarize_predictions(h4pt_true, h4pt)
    of_identity = np.linalg.norm(h4pt_true[3], axis=-1).mean()
    assert summary["mace"] == pytest.approx(of_identity / 200)
    assert summary["mace_answered"] == 0
    assert (summary["failures"], summary["not_returned"]) == (1, 1)


def test_without_any_answer_there_is_no_mean_over_answers(h4pt_true):
    summary = metrics.summarize_predictions(h4pt_true, np.full_like(h4pt_true, np.nan))
    assert summary["mace_answered"] is None
    assert summary["mace"] == summary["mace_uncapped"] > 0


def test_a_failure_counts_as_the_identity(h4pt_true):
    h4pt = h4pt_true.copy()
    h4pt[7] += [300.0, 400.0]
    summary = metrics.summarize_predictions(h4pt_true, h4pt)
    assert summary["mace_uncapped"] == pytest.approx(500 / 200)
    of_identity = np.linalg.norm(h4pt_true[7], axis=-1).mean()
    assert summary["mace"] == pytest.approx(of_identity / 200)
    assert summary["mace_low"] <= summary["mace"] <= summary["mace_high"]
    assert (summary["failures"], summary["not_returned"]) == (1, 0)


@pytest.mark.parametrize("rounding", [0.0, 1e-5, -1e-5])
def test_the_identity_itself_is_no_failure(h4pt_true, rounding):
    summary = metrics.summarize_predictions(h4pt_true, np.full_like(h4pt_true, rounding))
    assert summary["failures"] == 0
    assert summary["mace"] == pytest.approx(summary["mace_uncapped"], abs=1e-4)


def test_l2_is_half_the_sum_of_squares_in_pixels():
    summary = metrics.summarize_predictions(np.zeros([1, 4, 2]), np.full([1, 4, 2], 3.0))
    assert summary["l2"] == 0.5 * 8 * 9


def test_the_bootstrap_interval_is_the_normal_one_for_many_values():
    values = np.random.default_rng(1).exponential(2.0, 4000)
    low, high = metrics.bootstrap_interval(values)
    half_width = 1.96 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half_width, abs=0.01)
    assert high == pytest.approx(values.mean() + half_width, abs=0.01)
    assert metrics.bootstrap_interval(values) == (low, high)
    assert metrics.bootstrap_interval([5.0]) == (5.0, 5.0)


def test_the_bootstrap_draws_images_where_pairs_of_one_are_alike():
    of_images = np.random.default_rng(2).exponential(2.0, 300)
    alike, images = np.repeat(of_images, 20), np.repeat(np.arange(300), 20)
    assert metrics.bootstrap_interval(alike, images) == pytest.approx(
        metrics.bootstrap_interval(of_images)
    )
    low, high = metrics.bootstrap_interval(alike)
    wide_low, wide_high = metrics.bootstrap_interval(alike, images)
    assert wide_high - wide_low > 3 * (high - low)


def test_the_mean_time_shows_what_the_median_hides():
    times = metrics.summarize_times([1.0] * 98 + [101.0] * 2)
    assert (times["ms_median"], times["ms_p90"]) == (1.0, 1.0)
    assert times["ms_mean"] == pytest.approx(3.0)
    assert times["ms_p99"] > 50
