"""Plots of corner errors: their distribution; against displacement, strength and confidence.

Each takes results of `measurement.measure` and returns a `matplotlib.figure.Figure`, to be saved
without a display. The panels of a figure are the conditions; an estimator has the same color in
all of them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_homography.evaluation.evaluated_estimators import EvaluatedEstimator
from keras_homography.evaluation.results import Result, bin_errors, nearest_to_default

_COLUMNS = 3
# Errors below are drawn at it: a logarithmic axis has no zero.
_MIN_ERROR = 1e-3
_MAX_ERROR = 300.0
_ERROR_AXIS: dict[str, Any] = {"yscale": "log", "ylim": (_MIN_ERROR, _MAX_ERROR)}
_P90: dict[str, Any] = {"linestyle": ":", "linewidth": 0.9, "marker": ".", "markersize": 4}

_Style: TypeAlias = dict[str, Any]  # arguments of `Axes.plot`
_Draw: TypeAlias = Callable[[Axes, _Style], object]  # draws one estimator in a panel
_Line: TypeAlias = tuple[_Style, _Draw]
_Panels: TypeAlias = Mapping[str, Sequence[_Line]]  # by the titles of the panels


def error_distribution(results: Sequence[Result]) -> Figure:
    """Plot the share of pairs below an error, over the error: one panel for every distortion.

    Args:
      results: of `measurement.measure`.
    """

    def line(result: Result) -> _Draw:
        errors = np.sort(np.maximum(result.errors, _MIN_ERROR))
        shares = np.arange(1, len(errors) + 1) / len(errors)
        return lambda panel, style: panel.step(errors, shares, where="post", **style)

    figure = _plot(
        _panels_of_conditions(results, line),
        "corner error, pixels",
        "share of pairs below",
        {"xscale": "log", "xlim": (_MIN_ERROR, _MAX_ERROR), "ylim": (0, 1)},
    )
    for panel in figure.axes:
        panel.axvline(1.0, color="0.6", linewidth=0.8, linestyle=":")
    return figure


def error_by_displacement(results: Sequence[Result]) -> Figure:
    """Plot the error over how far the corners moved: one panel for every distortion.

    The median is solid, the 90th percentile dotted; bins hold equally many pairs.

    Args:
      results: of `measurement.measure`.
    """
    panels = _panels_of_conditions(results, lambda r: _binned_line(r.displacements, r.errors))
    return _plot(
        panels, "mean displacement of the corners, pixels", "corner error, pixels", _ERROR_AXIS
    )


def error_by_confidence(results: Sequence[Result]) -> Figure | None:
    """Plot the error over the confidence, as `error_by_displacement`.

    Args:
      results: of `measurement.measure`.

    Returns:
      None if no estimator has a confidence.
    """

    def line(result: Result) -> _Draw | None:
        if result.confidence is None:
            return None
        return _binned_line(result.confidence, result.errors)

    panels = _panels_of_conditions(results, line)
    if not any(panels.values()):
        return None
    return _plot(panels, "confidence", "corner error, pixels", _ERROR_AXIS)


def error_by_strength(results: Sequence[Result]) -> Figure | None:
    """Plot the error over the strength of every distortion: one panel each.

    The median is solid, the 90th percentile dotted; strength 0 is "none", if it was measured.

    Args:
      results: of `measurement.measure`.

    Returns:
      None if only "none" was measured.
    """
    names = list(dict.fromkeys(r.condition.distortion for r in results if r.condition.strength > 0))
    if not names:
        return None
    panels: dict[str, list[_Line]] = {name: [] for name in names}
    for name, lines in panels.items():
        by_estimator: dict[str, list[Result]] = {}
        for result in sorted(results, key=lambda r: r.condition.strength):
            if result.condition.distortion == name or result.condition.strength == 0:
                by_estimator.setdefault(result.estimator.name, []).append(result)
        order = list(dict.fromkeys(r.estimator.name for r in results))
        for index, estimator in enumerate(order):
            of_estimator = by_estimator[estimator]
            strengths = [r.condition.strength for r in of_estimator]
            medians = [float(np.median(r.errors)) for r in of_estimator]
            p90s = [float(np.percentile(r.errors, 90)) for r in of_estimator]
            style = {**_style(index, of_estimator[0].estimator), "marker": "o", "ms": 3}
            lines.append((style, _median_and_p90(strengths, medians, p90s)))
    return _plot(
        panels,
        "strength of the distortion (0: none, 1: the default level)",
        "corner error, pixels",
        _ERROR_AXIS,
    )


def _style(index: int, estimator: EvaluatedEstimator) -> _Style:
    """Choose the look of an estimator; networks are drawn stronger."""
    return {
        "color": f"C{index % 10}",
        "linewidth": 1.4 if estimator.parameters is None else 2.6,
        "label": estimator.name,
    }


def _median_and_p90(x: Sequence[float], medians: Sequence[float], p90s: Sequence[float]) -> _Draw:
    def draw(panel: Axes, style: _Style) -> None:
        panel.plot(x, np.maximum(medians, _MIN_ERROR), **style)
        panel.plot(x, np.maximum(p90s, _MIN_ERROR), color=style["color"], **_P90)

    return draw


def _binned_line(values: np.ndarray, errors: np.ndarray) -> _Draw:
    means, _, medians, p90s = zip(*bin_errors(values, errors), strict=True)
    return _median_and_p90(means, medians, p90s)


def _panels_of_conditions(
    results: Sequence[Result],
    line: Callable[[Result], _Draw | None],
) -> _Panels:
    """A panel for every distortion, a line for every estimator for which `line` returns one."""
    panels: dict[str, list[_Line]] = {}
    for condition, of_condition in nearest_to_default(results).items():
        lines = panels.setdefault(condition.label, [])
        for index, result in enumerate(of_condition):
            draw = line(result)
            if draw is not None:
                lines.append((_style(index, result.estimator), draw))
    return panels


def _plot(panels: _Panels, x_label: str, y_label: str, axis: Mapping[str, Any]) -> Figure:
    """Draw the panels in a grid, with common axes and one legend."""
    columns = min(len(panels), _COLUMNS)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(1.6 + 3.9 * columns, 0.6 + 3.0 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for unused in grid.flat[len(panels) :]:
        unused.remove()
    for index, (panel, (title, lines)) in enumerate(zip(grid.flat, panels.items(), strict=False)):
        panel.set_title(title)
        panel.grid(True, color="0.9", linewidth=0.6)
        # The lowest panel of a column carries the numbers, also above an unused one.
        panel.tick_params(labelbottom=index + columns >= len(panels))
        for style, draw in lines:
            draw(panel, style)
        panel.set(**axis)
    figure.supxlabel(x_label)
    figure.supylabel(y_label)
    handles, labels = grid.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", frameon=False)
    return figure
