"""What people read: corner errors in pixels and their summary."""

import numpy as np


def corner_errors(h4pt_true, h4pt):
    """The mean over the four corners of the Euclidean distance, per pair.

    Args:
      h4pt_true: `[n, 4, 2]`, pixels.
      h4pt: `[n, 4, 2]`, pixels.

    Returns:
      float64 `[n]`, pixels.
    """
    difference = np.asarray(h4pt, np.float64) - np.asarray(h4pt_true, np.float64)
    return np.linalg.norm(difference, axis=-1).mean(axis=-1)


def summarize(errors):
    """A summary that does not hide failures behind a mean.

    Args:
      errors: `[n]`, pixels, at least one.

    Returns:
      `{mace, median, p90, p99}` in pixels and `{under_1px, under_3px}` as shares in [0, 1]. MACE
      (mean average corner error) is the mean of the corner errors.
    """
    errors = np.asarray(errors)
    median, p90, p99 = np.percentile(errors, [50, 90, 99])
    return {
        "mace": float(errors.mean()),
        "median": float(median),
        "p90": float(p90),
        "p99": float(p99),
        "under_1px": float((errors < 1).mean()),
        "under_3px": float((errors < 3).mean()),
    }
