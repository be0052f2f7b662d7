"""Every picture that the project draws."""

import cv2
import numpy as np

from keras_homography import geometry

TRUE_COLOR = (40, 200, 60)
PREDICTED_COLOR = (255, 60, 40)
BACKGROUND = 24  # gray level


def _draw_quad(picture, quad, color, margin):
    # Far outside the picture OpenCV's fixed-point coordinates would overflow.
    near = np.clip(np.asarray(quad) + margin, -1e4, 1e4)
    points = np.round(near * 16).astype(np.int32)
    cv2.polylines(picture, [points], True, color, 1, cv2.LINE_AA, shift=4)


def _grid(tiles, columns):
    """Pictures of one size side by side in rows, the last one filled up."""
    missing = [np.full_like(tiles[0], BACKGROUND)] * (-len(tiles) % columns)
    tiles = [*tiles, *missing]
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def quads(patches, h4pt_true, h4pt, columns=4, margin=40):
    """Where patch B lies in patch A, truly (green) and as predicted (red).

    Args:
      patches: `[n, size, size, 2]`, gray levels in 0..255.
      h4pt_true: `[n, 4, 2]`, pixels.
      h4pt: `[n, 4, 2]`, pixels; a quad that is not finite is not drawn.
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
        framed = np.pad(patch.astype(np.uint8), margin, constant_values=BACKGROUND)
        tile = cv2.cvtColor(framed, cv2.COLOR_GRAY2RGB)
        _draw_quad(tile, square + true, TRUE_COLOR, margin)
        if np.isfinite(predicted).all():
            _draw_quad(tile, square + predicted, PREDICTED_COLOR, margin)
        tiles.append(tile)
    return _grid(tiles, columns)


def confidence_maps(patches, h4pt_true, h4pt, probabilities, rho):
    """How sure a classification network is of every corner, as in figure 5 of DeTone et al. 2016.

    Args:
      patches: `[n, size, size, 2]`, gray levels in 0..255.
      h4pt_true: `[n, 4, 2]`, pixels.
      h4pt: `[n, 4, 2]`, pixels.
      probabilities: `[n, 4, 2, bins]`, of each offset along x and y.
      rho: of the outermost bins, in pixels.

    Returns:
      uint8 `[height, width, 3]`, RGB: a row for each pair, of patch A with the quads of `quads` and
      a map of offsets for each corner: bright is likely, the green cross is the truth.
    """
    rows = []
    for patch, true, found, confidence in zip(
        np.asarray(patches), np.asarray(h4pt_true), h4pt, np.asarray(probabilities), strict=True
    ):
        tile = quads(patch[None], true[None], found[None], columns=1)
        side = len(tile)
        tiles = [tile]
        for corner, (along_x, along_y) in zip(true, confidence, strict=True):
            likely = np.outer(along_y, along_x)
            likely = np.sqrt(likely / likely.max())  # so that faint tails show too
            gray = cv2.resize(
                (255 * likely).astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST
            )
            drawn = cv2.cvtColor(cv2.applyColorMap(gray, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
            bin_width = side / len(along_x)
            place = (corner / rho + 1.0) / 2.0 * (side - bin_width) + bin_width / 2.0
            point = tuple(int(value) for value in np.clip(np.round(place), 0, side - 1))
            cv2.drawMarker(drawn, point, TRUE_COLOR, cv2.MARKER_CROSS, 15, 2)
            tiles.append(drawn)
        rows.append(np.hstack(tiles))
    return np.vstack(rows)


def alignments(patches, h4pt, columns=4):
    """A in red over B in cyan, gray where they fit: above as they are, below as predicted.

    Args:
      patches: `[n, size, size, 2]`, gray levels in 0..255.
      h4pt: `[n, 4, 2]`, pixels, finite.
      columns: how many pairs to draw side by side.

    Returns:
      uint8 `[height, width, 3]`, RGB; what A does not show is black there.
    """
    size = patches.shape[1]
    tiles = []
    for pair, b_from_a in zip(
        np.asarray(patches, np.uint8),
        geometry.invert(geometry.matrix_from_h4pt(h4pt, size)).numpy(),
        strict=True,
    ):
        patch_a, patch_b = np.ascontiguousarray(np.moveaxis(pair, -1, 0))
        aligned = cv2.warpPerspective(patch_a, b_from_a, (size, size))
        tiles.append(np.vstack([np.dstack([a, patch_b, patch_b]) for a in (patch_a, aligned)]))
    return _grid(tiles, columns)
