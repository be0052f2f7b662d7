"""Evaluation metrics: the corner error in pixels, its mean over pairs (MACE), and its summary."""

from typing import Any

import numpy as np
import numpy.typing as npt

from keras_homography.geometry import argument_checks
from keras_homography.utils.errors import UserError

# A failure is worse than the identity by more than this, in pixels.
_ROUNDING = 1e-3


def corner_errors(h4pt_true: npt.ArrayLike, h4pt: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Compute the corner error of every pair: the mean distance over the four corners.

    Args:
      h4pt_true: `[n, 4, 2]`, pixels.
      h4pt: `[n, 4, 2]`, pixels.

    Returns:
      float64 `[n]`, pixels.

    Raises:
      UserError: the shapes differ, or are not `[n, 4, 2]`.
    """
    h4pt_true = argument_checks.as_array(h4pt_true, "h4pt_true", ..., 4, 2)
    h4pt = argument_checks.as_array(h4pt, "h4pt", ..., 4, 2)
    if h4pt.shape != h4pt_true.shape:
        raise UserError(
            f"h4pt has the shape {list(h4pt.shape)}, h4pt_true {list(h4pt_true.shape)}; every pair "
            "has one of each."
        )
    return np.linalg.norm(h4pt - h4pt_true, axis=-1).mean(axis=-1)


def summarize(errors: npt.ArrayLike) -> dict[str, float]:
    """Summarize corner errors so that a mean does not hide failures.

    Args:
      errors: `[n]`, pixels, at least one.

    Returns:
      `mace` (mean average corner error: the mean of the errors), `median`, `p90` and `p99` in
      pixels; `under_1px`, `under_3px` and `under_5px`, shares of the pairs, 0 to 1.

    Raises:
      UserError: there is no error to summarize.
    """
    errors = argument_checks.as_array(errors, "errors", ..., None)
    if not errors.size:
        raise UserError("There is nothing to summarize: errors is empty.")
    median, p90, p99 = np.percentile(errors, [50, 90, 99])
    return {
        "mace": float(errors.mean()),
        "median": float(median),
        "p90": float(p90),
        "p99": float(p99),
        "under_1px": float((errors < 1).mean()),
        "under_3px": float((errors < 3).mean()),
        "under_5px": float((errors < 5).mean()),
    }


def is_answered(h4pt: np.ndarray) -> npt.NDArray[np.bool_]:
    """Tell which predictions `[n, 4, 2]` are answers, bool `[n]`: those with finite values only."""
    return np.isfinite(h4pt).all(axis=(-2, -1))


def or_identity(h4pt: np.ndarray) -> np.ndarray:
    """Replace predictions `[n, 4, 2]` that are no answer by zeros, the identity."""
    return np.where(is_answered(h4pt)[:, None, None], h4pt, 0.0)


def bootstrap_interval(
    values: npt.ArrayLike, images: npt.ArrayLike | None = None
) -> tuple[float, float]:
    """Compute the 95 % bootstrap percentile interval of a mean (Efron 1979).

    Args:
      values: `[n]`, at least one.
      images: `[n]`, from which image each value is. Whole images are drawn then, as the pairs of
        one are alike: an interval from single pairs is about half as wide.

    Returns:
      `(low, high)`, a pure function of the arguments.
    """
    values = np.asarray(values, np.float64)
    images = np.arange(len(values)) if images is None else images
    _, image_of_value = np.unique(np.asarray(images), return_inverse=True)
    sums = np.bincount(image_of_value, values)
    counts = np.bincount(image_of_value)
    random = np.random.default_rng(0)
    drawn = (random.integers(len(sums), size=len(sums)) for _ in range(1000))
    means = [sums[draw].sum() / counts[draw].sum() for draw in drawn]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def summarize_times(milliseconds: npt.ArrayLike) -> dict[str, float]:
    """Summarize the times of single pairs; a median alone hides the pairs that cost most.

    Args:
      milliseconds: `[n]`, at least one.

    Returns:
      `ms_mean`, `ms_median`, `ms_p90` and `ms_p99`.
    """
    values = np.asarray(milliseconds, np.float64)
    median, p90, p99 = np.percentile(values, [50, 90, 99])
    return {
        "ms_mean": float(values.mean()),
        "ms_median": float(median),
        "ms_p90": float(p90),
        "ms_p99": float(p99),
    }


def summarize_predictions(
    h4pt_true: npt.ArrayLike, h4pt: npt.ArrayLike, images: npt.ArrayLike | None = None
) -> dict[str, Any]:
    """Compute the metrics of an estimator, refusals and failures included.

    Args:
      h4pt_true: `[n, 4, 2]`, pixels, at least one.
      h4pt: `[n, 4, 2]`, pixels; a value that is not finite marks a pair without an answer. Such a
        pair counts with the identity's error in every metric.
      images: `[n]`, from which image each pair is; None if each has its own.

    Returns:
      The dictionary of `summarize`, except that failures count with the identity's error in `mace`;
      and `mace_low` and `mace_high` (95 % bootstrap interval of `mace` over
      images), `mace_uncapped` (mean of
      the errors as they are), `mace_answered` (mean of the errors over the pairs with an answer;
      None if there is none), `failures` (pairs worse than the identity by more than 0.001 px, or
      without an answer), `not_returned` (pairs without an answer), and `l2` (mean of the paper's
      L2 loss, half the sum of the eight squared errors, in pixels squared: DeTone et al. 2016,
      section 4).
    """
    h4pt_true = argument_checks.as_array(h4pt_true, "h4pt_true", ..., 4, 2).reshape(-1, 4, 2)
    h4pt = argument_checks.as_array(h4pt, "h4pt", ..., 4, 2).reshape(-1, 4, 2)
    answered = is_answered(h4pt)
    h4pt = or_identity(h4pt)
    errors = corner_errors(h4pt_true, h4pt)
    of_identity = corner_errors(h4pt_true, np.zeros_like(h4pt_true))
    capped = np.minimum(errors, of_identity)
    low, high = bootstrap_interval(capped, images)
    return {
        **summarize(errors),
        "mace": float(capped.mean()),
        "mace_low": low,
        "mace_high": high,
        "mace_uncapped": float(errors.mean()),
        "mace_answered": float(errors[answered].mean()) if answered.any() else None,
        "failures": int((~answered | (errors > of_identity + _ROUNDING)).sum()),
        "not_returned": int((~answered).sum()),
        "l2": float(0.5 * np.square(h4pt - h4pt_true).sum(axis=(-2, -1)).mean()),
    }
