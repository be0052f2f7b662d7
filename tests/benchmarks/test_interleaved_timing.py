"""Measurements in turns, and their ratios."""

import time

import pytest

from keras_homography.benchmarks import interleaved_timing


def test_ratios_above_one_are_better():
    assert interleaved_timing.result("fast", 20.0, "pairs/s", "other", 10.0, 1)["ratio"] == 2.0
    assert interleaved_timing.result("fast", 5.0, "ms", "other", 10.0, 1)["ratio"] == 2.0


def test_turns_alternate_and_give_medians():
    ours, reference = iter([1.0, 9.0, 2.0]), iter([5.0, 4.0, 30.0])
    order = []

    def measurement(name, values):
        order.append(name)
        return next(values)

    medians = interleaved_timing.in_turns(
        lambda: measurement("ours", ours), lambda: measurement("reference", reference)
    )
    assert medians == (2.0, 5.0)
    assert order == ["ours", "reference"] * 3


def test_a_rate_counts_what_every_call_does(monkeypatch):
    clock = iter(range(100))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    # Read at the begin and before every call: ten calls within ten seconds.
    assert interleaved_timing.rate(lambda: None, per_step=32, seconds=10.5) == pytest.approx(
        32 * 10 / 11
    )
