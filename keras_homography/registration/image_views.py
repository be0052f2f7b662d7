"""Views of an image for the matcher: reduced, turned by quarter turns, tilted.

Features tolerate rotations up to 45 degrees and scales up to two; views reach beyond. Simulated
tilts are those of ASIFT (Morel and Yu 2009): a view of a plane from aside, by compressing the image
in one direction.
"""

import dataclasses
import math
from collections.abc import Sequence

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.models.matcher_grid import COARSE_STRIDE as CELL
from keras_homography.models.matcher_grid import SIZE_MULTIPLE

MAX_SIDE = 640  # pixels, of a view
_MIN_SIDE = 64


@dataclasses.dataclass(frozen=True)
class ViewSpec:
    """Which view of an image.

    Attributes:
      reduction: factor by which it is smaller than the largest view; below 1, it is enlarged.
      quarter_turns: counterclockwise turns by 90 degrees.
      tilt: factor by which it is compressed in one direction; 1 for none.
      direction: of the compression, degrees, counterclockwise from along the rows.
    """

    reduction: float = 1.0
    quarter_turns: int = 0
    tilt: float = 1.0
    direction: float = 0.0

    def __str__(self) -> str:
        """Describe the view in a few words."""
        words = []
        if self.reduction != 1.0:
            words.append(f"reduced {self.reduction:g} times")
        if self.quarter_turns:
            words.append(f"turned by {90 * self.quarter_turns} degrees")
        if self.tilt != 1.0:
            words.append(f"tilted {self.tilt:g} times at {self.direction:g} degrees")
        return ", ".join(words) or "plain"


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """A view of an image.

    Attributes:
      gray: uint8 `[height, width]`, both sides multiples of 32.
      view_from_image: float64 `[3, 3]`, pixels to pixels.
      covered: bool `[height / 8, width / 8]`: cells whose center shows the image; None for all.
    """

    gray: np.ndarray
    view_from_image: np.ndarray
    covered: np.ndarray | None = None


def render(pyramid: Sequence[np.ndarray], spec: ViewSpec) -> View:
    """Render a view of an image.

    Args:
      pyramid: of the image, uint8, finest first.
      spec: which view.

    Returns:
      The view, of at most 640 pixels a side unless it is enlarged.
    """
    full = np.array(arrays.image_size(pyramid[0]), np.float64)
    scale = min(1.0, MAX_SIDE / full.max()) / spec.reduction
    size = _rounded(full * scale)
    if spec.tilt == 1.0:
        level = pyramid[level_index(pyramid, size)]
        method = cv2.INTER_LINEAR if size[0] > level.shape[1] else cv2.INTER_AREA
        gray = cv2.resize(level, size, interpolation=method)
        view = View(gray, arrays.resizing(full, size))
    else:
        view = _tilted(pyramid, size, spec)
    return _turned(view, spec.quarter_turns)


def cover(view: View, spec: ViewSpec, masks: list[np.ndarray]) -> View:
    """Cover the cells of a view that show anything that is masked.

    Args:
      view: of an image.
      spec: which view it is.
      masks: bool, of the levels of the image's pyramid: where it counts.

    Returns:
      The view with fewer cells covered by the image.
    """
    shares = render([np.where(mask, 255, 0).astype(np.uint8) for mask in masks], spec).gray
    rows, columns = (side // CELL for side in shares.shape)
    cells = (shares == 255).reshape(rows, CELL, columns, CELL).all(axis=(1, 3))
    covered = cells if view.covered is None else cells & view.covered
    return dataclasses.replace(view, covered=covered)


def _rounded(size: np.ndarray) -> tuple[int, int]:
    """The nearest size that the matcher takes, `(width, height)`."""
    width, height = np.maximum(np.round(size / SIZE_MULTIPLE) * SIZE_MULTIPLE, _MIN_SIDE)
    return int(width), int(height)


def level_index(pyramid: Sequence[np.ndarray], size: tuple[int, int]) -> int:
    """Return the index of the coarsest level that is not smaller than a size `(width, height)`.

    Args:
      pyramid: of an image, finest first.
      size: in pixels.

    Returns:
      0 if all levels are smaller.
    """
    width, height = size
    fine = [i for i, g in enumerate(pyramid) if g.shape[0] >= height and g.shape[1] >= width]
    return fine[-1] if fine else 0


def _tilted(pyramid: Sequence[np.ndarray], size: tuple[int, int], spec: ViewSpec) -> View:
    """Turn by the direction, compress along the rows."""
    full = arrays.image_size(pyramid[0])
    flat_from_image = arrays.resizing(full, size)
    flat = cv2.resize(pyramid[level_index(pyramid, size)], size, interpolation=cv2.INTER_AREA)
    angle = math.radians(spec.direction)
    turned_size, turned_from_flat = _around(size, angle)
    turned = cv2.warpAffine(flat, turned_from_flat[:2], turned_size, borderValue=int(flat.mean()))
    # Against aliasing, as in ASIFT: a blur along the direction of the compression.
    blur = 0.8 * math.sqrt(spec.tilt**2 - 1.0)
    turned = cv2.GaussianBlur(turned, (0, 0), sigmaX=blur, sigmaY=1e-3)
    tilted_size = _rounded(np.array(turned_size) / [spec.tilt, 1.0])
    gray = cv2.resize(turned, tilted_size, interpolation=cv2.INTER_LINEAR)
    tilted_from_turned = arrays.resizing(turned_size, tilted_size)
    view_from_image = tilted_from_turned @ turned_from_flat @ flat_from_image
    white = np.full(flat.shape, 255, np.uint8)
    mask = cv2.warpAffine(white, (tilted_from_turned @ turned_from_flat)[:2], tilted_size)
    return View(gray, view_from_image, mask[4::8, 4::8] == 255)


def _around(size: tuple[int, int], angle: float) -> tuple[tuple[int, int], np.ndarray]:
    """Rotation by an angle, and the size that the rotated image needs."""
    cosine, sine = math.cos(angle), math.sin(angle)
    rotation = np.array([[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]])
    corners = arrays.transform_points(rotation, arrays.corners(size) - 0.5)
    low, high = corners.min(axis=0), corners.max(axis=0)
    shift = np.eye(3)
    shift[:2, 2] = -low - 0.5
    width, height = np.ceil(high - low - 1e-6).astype(int)
    return (int(width), int(height)), shift @ rotation


def _turned(view: View, quarter_turns: int) -> View:
    if not quarter_turns:
        return view
    matrix, (width, height) = np.eye(3), arrays.image_size(view.gray)
    for _ in range(quarter_turns):
        # A pixel (x, y) goes to (y, width - 1 - x), as by `np.rot90`.
        matrix = np.array([[0, 1, 0], [-1, 0, width - 1], [0, 0, 1.0]]) @ matrix
        width, height = height, width
    covered = None if view.covered is None else np.rot90(view.covered, quarter_turns)
    gray = np.ascontiguousarray(np.rot90(view.gray, quarter_turns))
    return View(gray, matrix @ view.view_from_image, covered)
