"""What people read: corner errors in pixels and their summary."""

import numpy as np

from keras_homography.geometry import argument_checks
from keras_homography.utils.errors import UserError

# A pair is worse than the identity by more than rounding, in pixels.
_ROUNDING = 1e-3


def corner_errors(h4pt_true, h4pt):
    """The mean over the four corners of the Euclidean distance, per pair.

    Args:
      h4pt_true: `[n, 4, 2]`, pixels.
      h4pt: `[n, 4, 2]`, pixels.

    Returns:
      float64 `[n]`, pixels.
    """
    h4pt_true = argument_checks.as_array(h4pt_true, "h4pt_true", ..., 4, 2)
    h4pt = argument_checks.as_array(h4pt, "h4pt", ..., 4, 2)
    if h4pt.shape != h4pt_true.shape:
        raise UserError(
            f"h4pt has the shape {list(h4pt.shape)}, h4pt_true {list(h4pt_true.shape)}; every pair "
            "has one of each."
        )
    difference = h4pt - h4pt_true
    return np.linalg.norm(difference, axis=-1).mean(axis=-1)


def summarize(errors):
    """A summary that does not hide failures behind a mean.

    Args:
      errors: `[n]`, pixels, at least one.

    Returns:
      `{mace, median, p90, p99}` in pixels and `{under_1px, under_3px, under_5px}` as shares in
      [0, 1]. MACE (mean average corner error) is the mean of the corner errors.
    """
    errors = argument_checks.as_array(errors, "errors", ..., None)
    if not errors.size:
        raise UserError("There is nothing to summarize: errors holds none.")
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


def returned(h4pt):
    """Which of the predictions `[n, 4, 2]` are there, bool `[n]`: all their values are finite."""
    return np.isfinite(h4pt).all(axis=(-2, -1))


def or_identity(h4pt):
    """Predictions `[n, 4, 2]` with zeros, the identity, where nothing was returned."""
    return np.where(returned(h4pt)[:, None, None], h4pt, 0.0)


def bootstrap_interval(values):
    """The 95 % bootstrap percentile interval of a mean (Efron 1979).

    Args:
      values: `[n]`, at least one.

    Returns:
      `(low, high)`, always the same for the same values.
    """
    values = np.asarray(values, np.float64)
    random = np.random.default_rng(0)
    means = [values[random.integers(len(values), size=len(values))].mean() for _ in range(1000)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def summarize_predictions(h4pt_true, h4pt):
    """What a reader needs to judge an estimator.

    Args:
      h4pt_true: `[n, 4, 2]`, pixels, at least one.
      h4pt: `[n, 4, 2]`, pixels; a value that is not finite says that nothing was returned. Such a
        pair has the error of the identity.

    Returns:
      The dictionary of `summarize`, but with failures, the pairs that are worse than the identity
      or not returned, counted with the identity's error in `mace`, and:
      `mace_low`, `mace_high`: a 95 % bootstrap interval of MACE over the pairs;
      `mace_uncapped`: the mean of the errors as they are;
      `mace_answered`: the same over the pairs that were returned; None if none was;
      `failures`: how many (worse by more than 0.001 px);
      `not_returned`: how many of these are not returned;
      `l2`: the mean of the paper's L2 loss, half the sum of the eight squared errors in pixels
        squared (DeTone et al. 2016, section 4): four times the mean squared error of a coordinate.
    """
    h4pt_true = argument_checks.as_array(h4pt_true, "h4pt_true", ..., 4, 2).reshape(-1, 4, 2)
    h4pt = argument_checks.as_array(h4pt, "h4pt", ..., 4, 2).reshape(-1, 4, 2)
    there = returned(h4pt)
    h4pt = or_identity(h4pt)
    errors = corner_errors(h4pt_true, h4pt)
    summary = summarize(errors)
    of_identity = corner_errors(h4pt_true, np.zeros_like(h4pt_true))
    capped = np.minimum(errors, of_identity)
    low, high = bootstrap_interval(capped)
    return {
        **summary,
        "mace": float(capped.mean()),
        "mace_low": low,
        "mace_high": high,
        "mace_uncapped": float(errors.mean()),
        "mace_answered": float(errors[there].mean()) if there.any() else None,
        "failures": int((~there | (errors > of_identity + _ROUNDING)).sum()),
        "not_returned": int((~there).sum()),
        "l2": float(0.5 * np.square(h4pt - h4pt_true).sum(axis=(-2, -1)).mean()),
    }
