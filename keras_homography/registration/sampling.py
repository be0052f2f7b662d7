"""Gray levels and gradients of an image at points between its pixels, bilinear and exact."""

import functools

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
_MAX_PIXELS = 1_000_000  # of an image whose gradient is kept: it takes 16 bytes a pixel
_MAX_SIDE = 2**15 - 2  # pixels, of what `cv2.remap` reads


@functools.cache
def _remap_is_exact() -> bool:
    """Whether `cv2.remap` interpolates as it should: OpenCV 4 rounds points to 1/32 of a pixel."""
    y, x = np.mgrid[:8, :8].astype(np.float32)
    points = np.array([[3.01, 4.49, 5.77]], np.float32)
    # A copy: OpenCV 5.0 confuses the maps where both are the same array.
    sampled = cv2.remap(cv2.merge([x, y, x, y]), points, points.copy(), cv2.INTER_LINEAR)
    return bool(np.abs(sampled - points[..., None]).max() < 1e-5)


class Sampler:
    """Samples an image and its gradient.

    Args:
      image: uint8 `[height, width]`, gray levels.
    """

    def __init__(self, image: npt.NDArray[np.uint8]) -> None:
        self._image = image

    @functools.cached_property
    def _planes(self) -> npt.NDArray[np.float32]:
        """Gray level, gradient along x and along y, and once more the first, as four are faster."""
        gray = self._image.astype(np.float32)
        slope = np.array([[-0.5, 0.0, 0.5]], np.float32)
        along_x, along_y = (cv2.filter2D(gray, -1, kernel) for kernel in (slope, slope.T))
        return cv2.merge([gray, along_x, along_y, gray])

    def __call__(
        self, x: Floats, y: Floats
    ) -> tuple[Floats, Floats, Floats, npt.NDArray[np.bool_]]:
        """Sample the image at points.

        Args:
          x: `[points]`, pixels.
          y: `[points]`, pixels.

        Returns:
          `(gray, gradient_x, gradient_y, visible)`, each `[points]`: gray levels, gray levels a
          pixel, and whether the image contains the point and the neighbors that its gradient needs.
        """
        height, width = self._image.shape
        x, y = x.astype(np.float32), y.astype(np.float32)
        visible = (x >= 1) & (x < width - 2) & (y >= 1) & (y < height - 2)
        x, y = np.where(visible, x, 1), np.where(visible, y, 1)
        too_large = self._image.size > _MAX_PIXELS or max(self._image.shape) > _MAX_SIDE
        if too_large or not x.size or not _remap_is_exact():
            return *sample(self._image, x, y), visible
        samples = cv2.remap(self._planes, x[None], y[None], cv2.INTER_LINEAR)[0]
        return samples[:, 0], samples[:, 1], samples[:, 2], visible


def sample(
    image: npt.NDArray[np.uint8], x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]
) -> tuple[Floats, Floats, Floats]:
    """Sample an image and its gradient, without computing that of all pixels.

    Args:
      image: `[height, width]`, gray levels.
      x: `[points]`, pixels, from 1 to below the width - 2.
      y: the same along y.

    Returns:
      `(gray, gradient_x, gradient_y)`, each `[points]`: gray levels, and gray levels a pixel.
    """
    width = image.shape[1]
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    x, y = (x - left).astype(np.float32), (y - top).astype(np.float32)
    pixels, first = image.ravel(), top * width + left
    neighbors = {
        (i, j): pixels.take(first + (j * width + i)).astype(np.float32)
        for i in range(-1, 3)
        for j in range(-1, 3)
        if (i in (0, 1)) or (j in (0, 1))
    }

    def interpolate(plane: dict[tuple[int, int], Floats]) -> Floats:
        upper = plane[0, 0] + x * (plane[1, 0] - plane[0, 0])
        lower = plane[0, 1] + x * (plane[1, 1] - plane[0, 1])
        return upper + y * (lower - upper)

    cell = [(i, j) for i in (0, 1) for j in (0, 1)]
    return (
        interpolate(neighbors),
        interpolate({(i, j): 0.5 * (neighbors[i + 1, j] - neighbors[i - 1, j]) for i, j in cell}),
        interpolate({(i, j): 0.5 * (neighbors[i, j + 1] - neighbors[i, j - 1]) for i, j in cell}),
    )
