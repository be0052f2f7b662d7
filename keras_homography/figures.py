"""Every picture that the project draws."""

import cv2
import numpy as np

from keras_homography import geometry

TRUE_COLOUR = (40, 200, 60)
PREDICTED_COLOUR = (255, 60, 40)


_BACKGROUND = 24
_TEXT = (235, 235, 235)


def _draw_quad(picture, quad, colour, margin):
    # Far outside the picture OpenCV's fixed-point coordinates overflow.
    visible = np.clip(np.asarray(quad) + margin, -1e4, 1e4)
    points = np.round(visible * 16).astype(np.int32)
    cv2.polylines(picture, [points], True, colour, 1, cv2.LINE_AA, shift=4)


def quads(patches, h4pt_true, h4pt, columns=4, margin=40):
    """Where patch B lies in patch A, truly (green) and as predicted (red).

    Args:
      patches: `[n, size, size, 2]`, grey levels in 0..255.
      h4pt_true: `[n, 4, 2]`, pixels.
      h4pt: `[n, 4, 2]`, pixels.
      columns: how many pairs to draw side by side.
      margin: around a patch, in pixels, for the corners outside it.

    Returns:
      uint8 `[height, width, 3]`, RGB: patch A with both quads, for each pair.
    """
    patches = np.asarray(patches)
    square = geometry.corners(patches.shape[1]).numpy()
    tiles = []
    for patch, true, predicted in zip(
        patches[..., 0], np.asarray(h4pt_true), np.asarray(h4pt), strict=True
    ):
        framed = np.pad(patch.astype(np.uint8), margin, constant_values=_BACKGROUND)
        tile = cv2.cvtColor(framed, cv2.COLOR_GRAY2RGB)
        _draw_quad(tile, square + true, TRUE_COLOUR, margin)
        _draw_quad(tile, square + predicted, PREDICTED_COLOUR, margin)
        tiles.append(tile)
    while len(tiles) % columns:
        tiles.append(np.full_like(tiles[0], _BACKGROUND))
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    return np.vstack(rows)


def _line(text, width, height, scale):
    """A line of text at the bottom of a strip, uint8 `[height, width, 3]`."""
    strip = np.full((height, width, 3), _BACKGROUND, np.uint8)
    cv2.putText(
        strip, text, (8, height - 7), cv2.FONT_HERSHEY_SIMPLEX, scale, _TEXT, 1, cv2.LINE_AA
    )
    return strip


def _pair_tile(caption, patches, h4pt_true, h4pt, size=128, margin=40):
    """One pair: patch A with both quads, patch B below, a caption above."""
    scale = size / len(patches)
    small = cv2.resize(patches, (size, size), interpolation=cv2.INTER_AREA)
    # Nothing returned: only the true quad is drawn.
    shown = np.asarray(h4pt if np.isfinite(h4pt).all() else h4pt_true)
    above = quads(small[None], np.asarray(h4pt_true)[None] * scale, shown[None] * scale, 1, margin)
    if not np.isfinite(h4pt).all():
        square = geometry.corners(size).numpy()
        _draw_quad(above, square + np.asarray(h4pt_true) * scale, TRUE_COLOUR, margin)
    below = cv2.cvtColor(small[..., 1], cv2.COLOR_GRAY2RGB)
    sides = [(0, 0), (margin, margin), (0, 0)]
    below = np.pad(below, sides, constant_values=_BACKGROUND)
    return np.vstack([_line(caption, above.shape[1], 20, 0.38), above, below])


def sheet(rows):
    """Pairs of several estimators to look at, one row each.

    Args:
      rows: `[(title, [(caption, patches, h4pt_true, h4pt)])]`, every row with as many pairs:
        uint8 `[size, size, 2]`; `[4, 2]`, pixels; `[4, 2]`, pixels, NaN if nothing was returned.

    Returns:
      uint8 `[height, width, 3]`, RGB: patch A with the true quad (green) and the predicted one
      (red), below it patch B.
    """
    pictures = []
    for title, tiles in rows:
        row = np.hstack([_pair_tile(*tile) for tile in tiles])
        pictures += [_line(title, row.shape[1], 48, 0.65), row]
    return np.vstack(pictures)


def write_png(path, picture):
    """Writes an RGB picture, uint8 `[height, width, 3]`."""
    encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(encoded.tobytes())


def write_jpeg(path, picture):
    """Writes an RGB picture, uint8 `[height, width, 3]`, for photos: a fifth of a PNG's size."""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(encoded.tobytes())
