"""Figures of patch pairs: true and predicted quads, confidence maps, red-cyan overlays."""

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from keras_homography import geometry

TRUE_COLOR = (40, 200, 60)
PREDICTED_COLOR = (255, 60, 40)
BACKGROUND = 24  # gray level


def _draw_quad(
    image: np.ndarray, quad: np.ndarray, color: tuple[int, int, int], margin: int
) -> None:
    # Far outside the image OpenCV's fixed-point coordinates would overflow.
    clipped = np.clip(np.asarray(quad) + margin, -1e4, 1e4)
    points = np.round(clipped * 16).astype(np.int32)
    cv2.polylines(image, [points], True, color, 1, cv2.LINE_AA, shift=4)


def _grid(tiles: Sequence[np.ndarray], columns: int) -> np.ndarray:
    """Arrange images of one size in rows, the last one filled up."""
    missing = [np.full_like(tiles[0], BACKGROUND)] * (-len(tiles) % columns)
    tiles = [*tiles, *missing]
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def quads(
    patches: npt.ArrayLike,
    h4pt_true: npt.ArrayLike,
    h4pt: npt.ArrayLike,
    columns: int = 4,
    margin: int = 40,
) -> np.ndarray:
    """Draw where patch B lies in patch A: the truth in green, the prediction in red.

    Args:
      patches: `[n, size, size, 2]`, gray levels in 0..255.
      h4pt_true: `[n, 4, 2]`, pixels.
      h4pt: `[n, 4, 2]`, pixels; a quad that is not finite is not drawn.
      columns: pairs in a row.
      margin: around a patch, in pixels, for corners outside it.

    Returns:
      uint8 `[height, width, 3]`, RGB: patch A with both quads, for every pair.
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


def _offset_map(offset: np.ndarray, probabilities: np.ndarray, rho: float, side: int) -> np.ndarray:
    """Draw the probability of every offset of one corner, bright where it is high.

    Args:
      offset: true one of the corner, `[2]`, pixels: the cross.
      probabilities: `[2, bins]`, along x and along y.
      rho: of the outermost bins, in pixels.
      side: of the image, in pixels.
    """
    along_x, along_y = probabilities
    likely = np.outer(along_y, along_x)
    likely = np.sqrt(likely / likely.max())  # so that faint tails show too
    gray = cv2.resize(
        (255 * likely).astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST
    )
    image = cv2.cvtColor(cv2.applyColorMap(gray, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
    bin_width = side / len(along_x)
    center = (offset / rho + 1.0) / 2.0 * (side - bin_width) + bin_width / 2.0
    point = tuple(int(value) for value in np.clip(np.round(center), 0, side - 1))
    return cv2.drawMarker(image, point, TRUE_COLOR, cv2.MARKER_CROSS, 15, 2)


def confidence_maps(
    patches: npt.ArrayLike,
    h4pt_true: npt.ArrayLike,
    h4pt: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    rho: float,
) -> np.ndarray:
    """Draw a classification network's distribution of every corner (DeTone et al. 2016, figure 5).

    Args:
      patches: `[n, size, size, 2]`, gray levels in 0..255.
      h4pt_true: `[n, 4, 2]`, pixels.
      h4pt: `[n, 4, 2]`, pixels.
      probabilities: `[n, 4, 2, bins]`, of the offsets along x and y.
      rho: of the outermost bins, in pixels.

    Returns:
      uint8 `[height, width, 3]`, RGB: a row for every pair, of patch A with the quads of `quads`
      and a map of offsets for each corner: bright is likely, the green cross is the truth.
    """
    rows = []
    for patch, true, predicted, of_pair in zip(
        np.asarray(patches),
        np.asarray(h4pt_true),
        np.asarray(h4pt),
        np.asarray(probabilities),
        strict=True,
    ):
        tile = quads(patch[None], true[None], predicted[None], columns=1)
        maps = [_offset_map(*corner, rho, len(tile)) for corner in zip(true, of_pair, strict=True)]
        rows.append(np.hstack([tile, *maps]))
    return np.vstack(rows)


def alignments(patches: npt.ArrayLike, h4pt: npt.ArrayLike, columns: int = 4) -> np.ndarray:
    """Draw A in red over B in cyan, gray where they agree: unaligned above, aligned below.

    Args:
      patches: `[n, size, size, 2]`, gray levels in 0..255.
      h4pt: `[n, 4, 2]`, pixels, finite.
      columns: pairs in a row.

    Returns:
      uint8 `[height, width, 3]`, RGB; red is 0 outside A.
    """
    patches = np.asarray(patches, np.uint8)
    size = patches.shape[1]
    tiles = []
    for pair, b_from_a in zip(
        patches, geometry.invert(geometry.matrix_from_h4pt(h4pt, size)).numpy(), strict=True
    ):
        patch_a, patch_b = np.ascontiguousarray(np.moveaxis(pair, -1, 0))
        aligned = cv2.warpPerspective(patch_a, b_from_a, (size, size))
        tiles.append(np.vstack([np.dstack([a, patch_b, patch_b]) for a in (patch_a, aligned)]))
    return _grid(tiles, columns)
