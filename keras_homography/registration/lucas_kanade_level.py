"""Pixels of two images of one pyramid level: which are compared, and samples under a homography."""

import copy

import cv2
import numpy as np
import numpy.typing as npt

from keras_homography.geometry import arrays
from keras_homography.registration import masks
from keras_homography.registration.sampling import Floats, Sampler

MAX_POINTS = 12_000  # of a level, each the one with the strongest gradient around
_AROUND = 7  # points along each side of the region around one
_BORDER = 2  # pixels that the gradient needs on every side
_NEAREST_DEPTH = 1e-6  # of a point in front of the camera


def strongest_points(gray: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Find the pixel with the strongest gradient of every block of pixels.

    Args:
      gray: `[height, width]`.

    Returns:
      `[rows, columns, 2]`: column and row of the pixel of each block; at most `MAX_POINTS`.
    """
    inner = gray[_BORDER:-_BORDER, _BORDER:-_BORDER]
    height, width = inner.shape
    block = max(1, int(np.ceil(np.sqrt(height * width / MAX_POINTS))))
    rows, columns = height // block, width // block
    around = gray[
        _BORDER - 1 : _BORDER + 1 + rows * block, _BORDER - 1 : _BORDER + 1 + columns * block
    ]
    # The sum of magnitudes instead of squares: fast in uint8.
    strength = cv2.add(
        cv2.absdiff(around[1:-1, 2:], around[1:-1, :-2]),
        cv2.absdiff(around[2:, 1:-1], around[:-2, 1:-1]),
    )
    blocks = strength.reshape(rows, block, columns, block).transpose(0, 2, 1, 3)
    best = blocks.reshape(rows, columns, -1).argmax(axis=-1)
    y = np.arange(rows)[:, None] * block + best // block + _BORDER
    x = np.arange(columns) * block + best % block + _BORDER
    return np.stack([x, y], axis=-1)


def unit_from_pixel(size: tuple[int, int]) -> npt.NDArray[np.float64]:
    """Return the matrix from pixels of an image to units: half its longer side, from its center.

    Args:
      size: `(width, height)`, pixels.
    """
    half = max(size) / 2
    center_x, center_y = ((side - 1) / 2 for side in size)
    return np.array([[1 / half, 0, -center_x / half], [0, 1 / half, -center_y / half], [0, 0, 1]])


class Level:
    """Two gray images of one pyramid level, and the pixels of B that are compared.

    Args:
      gray_a: uint8 `[height, width]`.
      gray_b: uint8 `[height, width]`; its size may be another.
      mask_a: bool `[height, width]`, where A counts; None for everywhere.
      mask_b: the same of B.
      sampler_a: of A, if there is one already.

    Attributes:
      gray_a: as given.
      gray_b: as given.
      num_pixels: of B that count.
      half: half the longer side of B, in pixels: the unit of `x` and `y`.
      unit_from_pixel: float64 `[3, 3]`, from pixels of B to units about its center.
      x: float32 `[points]`, where the points of B lie, in units.
      y: the same along y.
      b: float32 `[points]`, their gray levels.
      gradient_x: float32 `[points]`, their gradient, in gray levels a unit.
      gradient_y: the same along y.
    """

    def __init__(
        self,
        gray_a: npt.NDArray[np.uint8],
        gray_b: npt.NDArray[np.uint8],
        mask_a: npt.NDArray[np.bool_] | None = None,
        mask_b: npt.NDArray[np.bool_] | None = None,
        sampler_a: Sampler | None = None,
    ) -> None:
        self.gray_a, self.gray_b = gray_a, gray_b
        self._sampler_a = sampler_a or Sampler(gray_a)
        self._mask_a, self._mask_b = mask_a, mask_b
        self._weights: Floats | None = None
        self._sampled_a = None if mask_a is None else masks.can_be_sampled(mask_a)
        self.num_pixels = gray_b.size if mask_b is None else int(mask_b.sum())
        width, height = arrays.image_size(gray_b)
        grid = strongest_points(gray_b)
        column, row = grid.reshape(-1, 2).T
        self._in_grid = np.ones(grid.shape[:2], bool)
        if mask_b is not None:
            self._in_grid = masks.can_be_sampled(mask_b)[grid[..., 1], grid[..., 0]]
            column, row = grid[self._in_grid].T
        self.half = half = max(width, height) / 2
        center_x, center_y = (width - 1) / 2, (height - 1) / 2
        self.unit_from_pixel = unit_from_pixel((width, height))
        self.x = ((column - center_x) / half).astype(np.float32)
        self.y = ((row - center_y) / half).astype(np.float32)
        self._points = np.stack([column, row, np.ones_like(row)]).astype(np.float64)
        self.b = gray_b[row, column].astype(np.float32)
        self.gradient_x, self.gradient_y = (
            0.5 * half * (after.astype(np.float32) - before)
            for before, after in (
                (gray_b[row, column - 1], gray_b[row, column + 1]),
                (gray_b[row - 1, column], gray_b[row + 1, column]),
            )
        )

    def weighted(self, weights: Floats) -> "Level":
        """The same level, with points that count more and less.

        Args:
          weights: `[points]`, 0 to 1.
        """
        level = copy.copy(self)
        level._weights = weights
        return level

    @property
    def in_inner_half(self) -> npt.NDArray[np.bool_]:
        """Which points lie in the inner half of B, bool `[points]`."""
        width, height = (
            side / (2 * self.half * np.sqrt(2)) for side in arrays.image_size(self.gray_b)
        )
        return (np.abs(self.x) < width) & (np.abs(self.y) < height)

    def sum_around(self, values: Floats) -> Floats:
        """Add up `[points]` over the region around each point."""
        grid = np.zeros(self._in_grid.shape, np.float32)
        grid[self._in_grid] = values
        side = (_AROUND, _AROUND)
        sums = cv2.boxFilter(grid, -1, side, normalize=False, borderType=cv2.BORDER_CONSTANT)
        return sums[self._in_grid]

    def project(self, a_from_b: npt.NDArray[np.float64]) -> tuple[Floats, Floats, Floats]:
        """Project the points of B into A.

        Args:
          a_from_b: `[3, 3]`, pixels.

        Returns:
          `(u, v, inverse_depth)`, each `[points]`: pixels of A, and by what they were scaled.
        """
        u, v, depth = a_from_b @ self._points
        inverse_depth = 1.0 / np.maximum(depth, _NEAREST_DEPTH)
        return u * inverse_depth, v * inverse_depth, inverse_depth

    def sample(
        self, a_from_b: npt.NDArray[np.float64]
    ) -> tuple[Floats, Floats, Floats, npt.NDArray[np.bool_] | Floats]:
        """Sample A at the points of B under a homography, bilinearly.

        Args:
          a_from_b: `[3, 3]`, pixels.

        Returns:
          `(gray, gradient_x, gradient_y, visible)`, each `[points]`: the gradient is that of the
          warped A, in gray levels a unit of B; `visible` is 0 where A does not contain the point,
          else 1, or its weight.
        """
        u, v, inverse_depth = self.project(a_from_b)
        gray, along_u, along_v, visible = self._sampler_a(u, v)
        if self._sampled_a is not None:
            column, row = (np.where(visible, np.round(place), 0).astype(int) for place in (u, v))
            visible &= self._sampled_a[row, column]
        # The chain rule: how u and v change with x and y.
        elements = a_from_b.ravel()
        along_u, along_v = along_u * inverse_depth * self.half, along_v * inverse_depth * self.half
        along_depth = u * along_u + v * along_v
        gradient_x, gradient_y = (
            along_u * elements[i] + along_v * elements[i + 3] - along_depth * elements[i + 6]
            for i in (0, 1)
        )
        if self._weights is not None:
            return gray, gradient_x, gradient_y, visible * self._weights
        return gray, gradient_x, gradient_y, visible

    def warp(
        self, target_from_a: Floats, size: tuple[int, int]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        """Warp A.

        Args:
          target_from_a: `[3, 3]`, pixels.
          size: `(width, height)` of the target, pixels.

        Returns:
          `(warped, covered)`: uint8 `[height, width]`; and where A covers the target and counts.
        """
        warped, covered = arrays.warp_image(self.gray_a, target_from_a, size)
        if self._mask_a is not None:
            counts = self._mask_a.astype(np.float32)
            covered &= cv2.warpPerspective(counts, target_from_a, size) > 1.0 - 1e-4
        return warped, covered

    def align(
        self, a_from_b: npt.NDArray[np.float64]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
        """Warp A onto B.

        Args:
          a_from_b: `[3, 3]`, pixels.

        Returns:
          `(aligned, covered)`: uint8 `[height, width]`; and where A covers B and both count.
        """
        aligned, covered = self.warp(np.linalg.inv(a_from_b), arrays.image_size(self.gray_b))
        if self._mask_b is not None:
            covered &= self._mask_b
        return aligned, covered
