"""Every picture that the project draws."""

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from keras_homography import geometry

TRUE_COLOUR = (40, 200, 60)
PREDICTED_COLOUR = (255, 60, 40)
BACKGROUND = 24  # grey level


def _draw_quad(picture, quad, colour, margin):
    # Far outside the picture OpenCV's fixed-point coordinates would overflow.
    near = np.clip(np.asarray(quad) + margin, -1e4, 1e4)
    points = np.round(near * 16).astype(np.int32)
    cv2.polylines(picture, [points], True, colour, 1, cv2.LINE_AA, shift=4)


def _grid(tiles, columns):
    """Pictures of one size side by side in rows, the last one filled up."""
    missing = [np.full_like(tiles[0], BACKGROUND)] * (-len(tiles) % columns)
    tiles = [*tiles, *missing]
    return np.vstack([np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)])


def quads(patches, h4pt_true, h4pt, columns=4, margin=40):
    """Where patch B lies in patch A, truly (green) and as predicted (red).

    Args:
      patches: `[n, size, size, 2]`, grey levels in 0..255.
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
        _draw_quad(tile, square + true, TRUE_COLOUR, margin)
        if np.isfinite(predicted).all():
            _draw_quad(tile, square + predicted, PREDICTED_COLOUR, margin)
        tiles.append(tile)
    return _grid(tiles, columns)


def confidence_maps(patches, h4pt_true, h4pt, probabilities, rho):
    """How sure a classification network is of every corner, as in figure 5 of DeTone et al. 2016.

    Args:
      patches: `[n, size, size, 2]`, grey levels in 0..255.
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
            grey = cv2.resize(
                (255 * likely).astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST
            )
            drawn = cv2.cvtColor(cv2.applyColorMap(grey, cv2.COLORMAP_VIRIDIS), cv2.COLOR_BGR2RGB)
            bin_width = side / len(along_x)
            place = (corner / rho + 1.0) / 2.0 * (side - bin_width) + bin_width / 2.0
            point = tuple(int(value) for value in np.clip(np.round(place), 0, side - 1))
            cv2.drawMarker(drawn, point, TRUE_COLOUR, cv2.MARKER_CROSS, 15, 2)
            tiles.append(drawn)
        rows.append(np.hstack(tiles))
    return np.vstack(rows)


def alignments(patches, h4pt, columns=4):
    """A in red over B in cyan, grey where they fit: above as they are, below as predicted.

    Args:
      patches: `[n, size, size, 2]`, grey levels in 0..255.
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
    axes.axhline(identity, color="grey", linestyle=":", label="identity")
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
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":", label="perfect")
    counts, confidences, shares = zip(*bins, strict=True)
    axes.plot(confidences, shares, marker="o", label="measured")
    for count, x, y in zip(counts, confidences, shares, strict=True):
        axes.annotate(f"{count}", (x, y), xytext=(5, -11), textcoords="offset points", fontsize=8)
    axes.set(xlabel="confidence", ylabel="share below 3 px", xlim=(0, 1), ylim=(0, 1))
    axes.grid(alpha=0.3)
    axes.legend()
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def write_png(path, picture):
    """Writes an RGB picture, uint8 `[height, width, 3]`."""
    encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(encoded.tobytes())


def write_jpeg(path, picture):
    """Writes an RGB picture, uint8 `[height, width, 3]`, lossy: a fifth of a PNG for photos."""
    encoded = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(encoded.tobytes())
