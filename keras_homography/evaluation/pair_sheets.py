"""Sheets of the best, median and worst pairs of every estimator."""

from collections.abc import Sequence

import cv2
import numpy as np

from keras_homography.evaluation import metrics
from keras_homography.evaluation.protocol_pairs import ProtocolPairs
from keras_homography.evaluation.results import Result, best_median_worst
from keras_homography.visualization import patch_figures

CAPTION = (
    "Patch A with the true quad of B in green and the predicted one in red (no red one where there "
    "is no answer); below it patch B."
)
_KINDS = ("best", "best", "median", "median", "worst", "worst")
_TEXT = (235, 235, 235)
_PATCH_SIDE, _MARGIN = 128, 40  # pixels, as drawn


def _text_line(text: str, width: int, height: int, scale: float) -> np.ndarray:
    """Draw a line of text at the bottom of a strip, uint8 `[height, width, 3]`."""
    strip = np.full((height, width, 3), patch_figures.BACKGROUND, np.uint8)
    origin = (8, height - 7)
    return cv2.putText(strip, text, origin, cv2.FONT_HERSHEY_SIMPLEX, scale, _TEXT, 1, cv2.LINE_AA)


def _tile(caption: str, patches: np.ndarray, h4pt_true: np.ndarray, h4pt: np.ndarray) -> np.ndarray:
    """Draw one pair: a caption, patch A with both quads, patch B; uint8 `[height, width, 3]`."""
    scale = _PATCH_SIDE / len(patches)
    small = cv2.resize(patches, (_PATCH_SIDE, _PATCH_SIDE), interpolation=cv2.INTER_AREA)
    above = patch_figures.quads(small[None], [h4pt_true * scale], [h4pt * scale], 1, _MARGIN)
    below = cv2.cvtColor(small[..., 1], cv2.COLOR_GRAY2RGB)
    below = np.pad(
        below, [(0, 0), (_MARGIN, _MARGIN), (0, 0)], constant_values=patch_figures.BACKGROUND
    )
    return np.vstack([_text_line(caption, above.shape[1], 20, 0.38), above, below])


def draw(of_condition: Sequence[Result], pairs: ProtocolPairs) -> np.ndarray:
    """Draw the best, median and worst pairs of every estimator under one condition.

    Args:
      of_condition: results of one condition.
      pairs: that they are of; the drawn ones are made again.

    Returns:
      uint8 `[height, width, 3]`, RGB: a row for every estimator; of every pair patch A with the
      true quad (green) and the predicted one (red), and below it patch B.
    """
    selected = [best_median_worst(result.errors) for result in of_condition]
    patches = pairs.select(
        {index for indices in selected for index in indices}, of_condition[0].condition
    )
    rows = []
    for result, indices in zip(of_condition, selected, strict=True):
        errors, answered = result.errors, metrics.is_answered(result.h4pt)
        tiles = []
        for kind, index in zip(_KINDS, indices, strict=True):
            error = f"{errors[index]:.3g} px" if answered[index] else "no answer"
            tiles.append(
                _tile(
                    f"{kind}: {error}, pair {index}",
                    patches[index],
                    result.h4pt_true[index],
                    result.h4pt[index],
                )
            )
        row = np.hstack(tiles)
        rows += [_text_line(result.estimator.name, row.shape[1], 48, 0.65), row]
    return np.vstack(rows)
