"""Pictures of measured errors: plots, and the pairs behind them.

Every plot takes results of `measurement.measure` and returns a `matplotlib.figure.Figure`, to be
saved without a display.
"""

import cv2
import numpy as np
from matplotlib import figure

from keras_homography.evaluation import measurement, metrics
from keras_homography.visualization import patch_figures

_COLUMNS = 3
# Errors below are drawn at it: a logarithmic axis has no zero.
_LEAST_ERROR = 1e-3
_TEXT = (235, 235, 235)
_HIGH = {"linestyle": ":", "linewidth": 0.9, "marker": ".", "markersize": 4}


def _panels(count):
    """A figure with `count` panels in a grid, and these panels."""
    columns = min(count, _COLUMNS)
    rows = -(-count // columns)
    picture = figure.Figure(figsize=(1.6 + 3.9 * columns, 0.6 + 3.0 * rows), layout="constrained")
    grid = picture.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    for unused in grid.flat[count:]:
        unused.set_visible(False)
    for index, panel in enumerate(grid.flat[:count]):
        panel.grid(True, color="0.9", linewidth=0.6)
        # The lowest panel of a column carries the numbers, also above an unused one.
        panel.tick_params(labelbottom=index + columns >= count)
    return picture, list(grid.flat[:count])


def _style(index, predictor):
    """One look for an estimator in all plots; networks are drawn stronger."""
    return {
        "color": f"C{index % 10}",
        "linewidth": 1.4 if predictor.parameters is None else 2.6,
        "label": predictor.name,
    }


def _add_legend(picture, panel):
    handles, labels = panel.get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside right upper", frameon=False)


def error_distribution(results):
    """The share of pairs below an error, over the error: one panel for every distortion."""
    conditions = measurement.near_default(results)
    picture, panels = _panels(len(conditions))
    for panel, (condition, of_condition) in zip(panels, conditions.items(), strict=True):
        panel.set_title(measurement.label(*condition))
        for index, result in enumerate(of_condition):
            errors = np.sort(np.maximum(result.errors, _LEAST_ERROR))
            shares = np.arange(1, len(errors) + 1) / len(errors)
            panel.step(errors, shares, where="post", **_style(index, result.predictor))
        panel.set(xscale="log", xlim=(_LEAST_ERROR, 300), ylim=(0, 1))
        panel.axvline(1.0, color="0.6", linewidth=0.8, linestyle=":")
    picture.supxlabel("corner error, pixels")
    picture.supylabel("share of pairs below")
    _add_legend(picture, panels[0])
    return picture


def _draw_binned(panel, values, result, index):
    """The median and the 90th percentile of a result's errors over values `[n]`."""
    means, _, medians, highs = zip(*measurement.binned(values, result.errors), strict=True)
    style = _style(index, result.predictor)
    panel.plot(means, np.maximum(medians, _LEAST_ERROR), **style)
    panel.plot(means, np.maximum(highs, _LEAST_ERROR), color=style["color"], **_HIGH)


def error_by_displacement(results):
    """The median (solid) and the 90th percentile (dotted) of the error, over how far the corners
    moved: one panel for every distortion, bins of equally many pairs."""
    conditions = measurement.near_default(results)
    picture, panels = _panels(len(conditions))
    for panel, (condition, of_condition) in zip(panels, conditions.items(), strict=True):
        panel.set_title(measurement.label(*condition))
        for index, result in enumerate(of_condition):
            _draw_binned(panel, result.displacements, result, index)
        panel.set(yscale="log", ylim=(_LEAST_ERROR, 300))
    picture.supxlabel("mean displacement of the corners, pixels")
    picture.supylabel("corner error, pixels")
    _add_legend(picture, panels[0])
    return picture


def error_by_strength(results):
    """The median (solid) and the 90th percentile (dotted) of the error over the strength of every
    distortion; strength 0 is "none", if it was measured. None if only that was."""
    names = list(dict.fromkeys(r.distortion for r in results if r.strength > 0))
    if not names:
        return None
    picture, panels = _panels(len(names))
    estimators = list(dict.fromkeys(r.predictor.name for r in results))
    for panel, name in zip(panels, names, strict=True):
        panel.set_title(name)
        for index, estimator in enumerate(estimators):
            line = sorted(
                (r for r in results if r.predictor.name == estimator),
                key=lambda result: result.strength,
            )
            line = [r for r in line if r.distortion == name or r.strength == 0]
            strengths = [r.strength for r in line]
            errors = [np.maximum(r.errors, _LEAST_ERROR) for r in line]
            style = _style(index, line[0].predictor)
            panel.plot(strengths, [np.median(e) for e in errors], marker="o", ms=3, **style)
            high = [np.percentile(e, 90) for e in errors]
            panel.plot(strengths, high, color=style["color"], **_HIGH)
        panel.set(yscale="log", ylim=(_LEAST_ERROR, 300))
    picture.supxlabel("strength of the distortion (0: none, 1: the default level)")
    picture.supylabel("corner error, pixels")
    _add_legend(picture, panels[0])
    return picture


def error_by_confidence(results):
    """The median (solid) and the 90th percentile (dotted) of the error over how sure an estimator
    says it is: one panel for every distortion. None if none of them says so."""
    conditions = {
        condition: [(index, r) for index, r in enumerate(found) if r.confidence is not None]
        for condition, found in measurement.near_default(results).items()
    }
    if not any(conditions.values()):
        return None
    picture, panels = _panels(len(conditions))
    for panel, (condition, of_condition) in zip(panels, conditions.items(), strict=True):
        panel.set_title(measurement.label(*condition))
        for index, result in of_condition:
            _draw_binned(panel, result.confidence, result, index)
        panel.set(yscale="log", ylim=(_LEAST_ERROR, 300))
    picture.supxlabel("confidence")
    picture.supylabel("corner error, pixels")
    _add_legend(picture, panels[0])
    return picture


def _line(text, width, height, scale):
    """A line of text at the bottom of a strip, uint8 `[height, width, 3]`."""
    strip = np.full((height, width, 3), patch_figures.BACKGROUND, np.uint8)
    place = (8, height - 7)
    return cv2.putText(strip, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, _TEXT, 1, cv2.LINE_AA)


def _tile(caption, patches, h4pt_true, h4pt, size=128, margin=40):
    """One pair: a caption, patch A with both quads, patch B; uint8 `[height, width, 3]`."""
    scale = size / len(patches)
    small = cv2.resize(patches, (size, size), interpolation=cv2.INTER_AREA)
    above = patch_figures.quads(small[None], [h4pt_true * scale], [h4pt * scale], 1, margin)
    below = cv2.cvtColor(small[..., 1], cv2.COLOR_GRAY2RGB)
    below = np.pad(
        below, [(0, 0), (margin, margin), (0, 0)], constant_values=patch_figures.BACKGROUND
    )
    return np.vstack([_line(caption, above.shape[1], 20, 0.38), above, below])


def sheet(of_condition, patches_of):
    """The best, median and worst pairs of every estimator under one condition.

    Args:
      of_condition: the results of one condition.
      patches_of: function `(indices, distortion, strength) -> {index: patches}`, as
        `measurement.patches_of`.

    Returns:
      uint8 `[height, width, 3]`, RGB: a row for every estimator; of every pair patch A with the
      true quad (green) and the predicted one (red), and below it patch B.
    """
    kinds = ("best", "best", "median", "median", "worst", "worst")
    picked = [measurement.best_median_worst(result.errors) for result in of_condition]
    patches = patches_of(
        {index for indices in picked for index in indices},
        of_condition[0].distortion,
        of_condition[0].strength,
    )
    rows = []
    for result, indices in zip(of_condition, picked, strict=True):
        errors, returned = result.errors, metrics.returned(result.h4pt)
        row = np.hstack(
            [
                _tile(
                    f"{kind}: {errors[index]:.3g} px, pair {index}"
                    if returned[index]
                    else f"{kind}: nothing, pair {index}",
                    patches[index],
                    result.h4pt_true[index],
                    result.h4pt[index],
                )
                for kind, index in zip(kinds, indices, strict=True)
            ]
        )
        rows += [_line(result.predictor.name, row.shape[1], 48, 0.65), row]
    return np.vstack(rows)
