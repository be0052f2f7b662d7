"""Measure two things in turns, as the speed of a machine changes by the minute."""

import statistics
import time
from collections.abc import Callable
from typing import Any

_MORE_IS_BETTER = ("/s", "% answered")  # ends of units


def rate(step: Callable[[], object], per_step: int, seconds: float) -> float:
    """Measure how much a repeated call does a second.

    Args:
      step: function without arguments.
      per_step: how much one call does.
      seconds: for how long to repeat it, about.
    """
    count, begin = 0, time.perf_counter()
    while (passed := time.perf_counter() - begin) < seconds:
        step()
        count += 1
    return count * per_step / passed


def in_turns(
    ours: Callable[[], float], reference: Callable[[], float], turns: int = 3
) -> tuple[float, float]:
    """Repeat two measurements alternately.

    Args:
      ours: a measurement.
      reference: another one, of the same unit.
      turns: of each.

    Returns:
      The medians, `(ours, reference)`.
    """
    measured = [(ours(), reference()) for _ in range(turns)]
    our_values, reference_values = zip(*measured, strict=True)
    return statistics.median(our_values), statistics.median(reference_values)


def result(
    case: str, value: float, unit: str, reference: str, reference_value: float, threads: int
) -> dict[str, Any]:
    """Compare a measurement with its reference.

    Args:
      case: what was measured.
      value: how much of it, in `unit`.
      unit: of the value and of the reference: a rate, "pairs/s" and the like, or "% answered", of
        which more is better, or anything else, of which less is better.
      reference: what it is compared with.
      reference_value: how much of that.
      threads: that each used.

    Returns:
      A dictionary of these and of `ratio`: over 1, ours is better; None if the worse is 0.
    """
    ratio = None
    better, worse = value, reference_value
    if not unit.endswith(_MORE_IS_BETTER):
        better, worse = worse, better
    if worse:
        ratio = float(f"{better / worse:.3g}")
    return {
        "case": case,
        "value": float(f"{value:.4g}"),
        "unit": unit,
        "reference": reference,
        "reference_value": float(f"{reference_value:.4g}"),
        "ratio": ratio,
        "threads": threads,
    }
