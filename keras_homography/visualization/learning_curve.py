"""Learning curves: a validation metric against the pairs that a run has trained on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from keras_homography.visualization import image_output


def draw(
    histories: Mapping[str, Sequence[Mapping[str, Any]]],
    identity: float,
    metric: str = "val_mace",
    title: str = "MACE (px)",
) -> np.ndarray:
    """Plot the learning curves of one or more runs.

    Args:
      histories: `{label: history}`; a history is a list of dictionaries with `pairs` and the
        metric, as `history` in the `metrics.json` of a run.
      identity: the metric of the identity, drawn as a horizontal line.
      metric: its key in a history.
      title: of the vertical axis.

    Returns:
      uint8 `[height, width, 3]`, RGB.
    """
    figure = Figure(figsize=(7, 4), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.axhline(identity, color="gray", linestyle=":", label="identity")
    for label, history in histories.items():
        pairs = [entry["pairs"] for entry in history]
        axes.plot(pairs, [entry[metric] for entry in history], marker=".", label=label)
    axes.set(xlabel="pairs seen", ylabel=title, ylim=(0, 1.3 * identity))
    axes.grid(alpha=0.3)
    axes.legend()
    return image_output.figure_to_image(figure)
