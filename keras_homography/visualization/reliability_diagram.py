"""Reliability diagrams: the share of correct estimates against their confidence."""

from collections.abc import Iterable

import numpy as np
from matplotlib.figure import Figure

from keras_homography.visualization import image_output


def draw(bins: Iterable[tuple[int, float, float]]) -> np.ndarray:
    """Plot how often estimates of a confidence are correct; the diagonal is perfect calibration.

    Args:
      bins: `(estimates, mean confidence, share that is correct)`, of
        `confidence_calibration.reliability`.

    Returns:
      uint8 `[height, width, 3]`, RGB, with the number of estimates beside every point.
    """
    figure = Figure(figsize=(5, 4), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="gray", linestyle=":", label="perfect")
    counts, confidences, shares = zip(*bins, strict=True)
    axes.plot(confidences, shares, marker="o", label="measured")
    for count, x, y in zip(counts, confidences, shares, strict=True):
        axes.annotate(f"{count}", (x, y), xytext=(5, -11), textcoords="offset points", fontsize=8)
    axes.set(xlabel="confidence", ylabel="share below 3 px", xlim=(0, 1), ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend()
    return image_output.figure_to_image(figure)
