"""Learning curves and reliability diagrams."""

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def learning_curves(histories, identity, figure_name="val_mace", title="MACE (px)"):
    """A figure of validation against the pairs that a run has seen.

    Args:
      histories: `{label: history}`, each a list with `pairs` and the figure, as in `history.json`.
      identity: the figure of always answering "no motion".
      figure_name: its name in a history.
      title: of its axis.

    Returns:
      uint8 `[height, width, 3]`, RGB.
    """
    figure = Figure(figsize=(7, 4), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.axhline(identity, color="gray", linestyle=":", label="identity")
    for label, history in histories.items():
        pairs = [entry["pairs"] for entry in history]
        axes.plot(pairs, [entry[figure_name] for entry in history], marker=".", label=label)
    axes.set(xlabel="pairs seen", ylabel=title, ylim=(0, 1.3 * identity))
    axes.grid(alpha=0.3)
    axes.legend()
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def reliability(bins):
    """How often estimates of a confidence are right, and how many have it.

    Args:
      bins: of `calibration.reliability`.

    Returns:
      uint8 `[height, width, 3]`, RGB.
    """
    figure = Figure(figsize=(5, 4), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="gray", linestyle=":", label="perfect")
    counts, confidences, shares = zip(*bins, strict=True)
    axes.plot(confidences, shares, marker="o", label="measured")
    for count, x, y in zip(counts, confidences, shares, strict=True):
        axes.annotate(f"{count}", (x, y), xytext=(5, -11), textcoords="offset points", fontsize=8)
    axes.set(xlabel="confidence", ylabel="share below 3 px", xlim=(0, 1), ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend()
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
