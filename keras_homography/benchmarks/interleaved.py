"""Measuring two things in turns, as the speed of a machine changes by the minute."""

import statistics
import time


def rate(step, per_step, seconds):
    """How much a repeated call does a second.

    Args:
      step: function without arguments.
      per_step: how much it does.
      seconds: for how long to repeat it, about.
    """
    count, begin = 0, time.perf_counter()
    while (passed := time.perf_counter() - begin) < seconds:
        step()
        count += 1
    return count * per_step / passed


def in_turns(ours, reference, turns=3):
    """Medians of two measurements made in turns: `(ours, reference)`."""
    measured = [(ours(), reference()) for _ in range(turns)]
    return tuple(statistics.median(values) for values in zip(*measured, strict=True))


def result(case, value, unit, reference, reference_value, threads):
    """One measurement.

    Args:
      case: what was measured.
      value: how much of it, in `unit`.
      unit: of the value and of the reference: a rate "pairs/s" and the like, else less is better.
      reference: what it is compared with.
      reference_value: how much of that.
      threads: that each used.

    Returns:
      A dictionary of these and of `ratio`: over 1, ours is better.
    """
    ratio = value / reference_value if unit.endswith("/s") else reference_value / value
    return {
        "case": case,
        "value": float(f"{value:.4g}"),
        "unit": unit,
        "reference": reference,
        "reference_value": float(f"{reference_value:.4g}"),
        "ratio": float(f"{ratio:.3g}"),
        "threads": threads,
    }
