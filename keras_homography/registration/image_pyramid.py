"""Lucas–Kanade up a pyramid of whole photos, to a fraction of a pixel of the originals.

What `refinement` does for the network's patches, for photos of any size: the second-order step
(ESM, Benhimane & Malis 2004), a quadratic tone curve and Geman–McClure weights. In NumPy and OpenCV
and at no more than `POINTS` pixels a level, so that it needs no TensorFlow and takes about as long
for twelve megapixels as for one. Matrices and points follow the conventions of `geometry`.
"""

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import lucas_kanade

_TOP_SIDE = 96  # the coarsest level is the last with no side below this


def build_pyramid(gray):
    """Halved again and again, finest first: uint8 images `[height, width]`."""
    levels = [gray]
    while min(levels[-1].shape) >= 2 * _TOP_SIDE:
        width, height = arrays.image_size(levels[-1])
        levels.append(
            cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        )
    return levels


class ImagePair:
    """The pyramids of two photos, and homographies refined on them.

    `a_from_b` is always in pixels of the photos themselves. Levels count from the finest of B, 0.
    """

    def __init__(self, gray_a, gray_b):
        """Args: gray photos, uint8 `[height, width]`, at least 16 pixels a side."""
        self.pyramid_a, self.pyramid_b = build_pyramid(gray_a), build_pyramid(gray_b)
        self._levels = {}

    @property
    def coarsest(self):
        return len(self.pyramid_b) - 1

    def at(self, a_from_b, level):
        """What a level of B is compared with, and how.

        Returns:
          `(Level, matrix)`: the level of A is the one that has about as many pixels for the same
          part of the scene; the matrix is `a_from_b` in pixels of these two.
        """
        gray_b = self.pyramid_b[level]
        size_a, size_b = arrays.image_size(self.pyramid_a[0]), arrays.image_size(self.pyramid_b[0])
        quad = arrays.transform_points(a_from_b, arrays.corners(size_b)).astype(np.float32)
        area = max(cv2.contourArea(quad), 1e-6) / (size_b[0] * size_b[1])
        of_a = int(np.clip(np.round(level + 0.5 * np.log2(area)), 0, len(self.pyramid_a) - 1))
        gray_a = self.pyramid_a[of_a]
        key = of_a, level
        if key not in self._levels:
            self._levels[key] = lucas_kanade.Level(gray_a, gray_b)
        small_a = arrays.resizing(size_a, arrays.image_size(gray_a))
        small_b = arrays.resizing(size_b, arrays.image_size(gray_b))
        return self._levels[key], small_a @ a_from_b @ np.linalg.inv(small_b)

    def refine(self, a_from_b, levels, steps):
        """A homography refined on some levels, in the order given; None if it runs away."""
        for number in levels:
            level, start = self.at(a_from_b, number)
            found = lucas_kanade.refine_level(level, start, steps)
            if found is None:
                return None
            small_a = arrays.resizing(
                arrays.image_size(self.pyramid_a[0]), arrays.image_size(level.gray_a)
            )
            small_b = arrays.resizing(
                arrays.image_size(self.pyramid_b[0]), arrays.image_size(level.gray_b)
            )
            a_from_b = np.linalg.inv(small_a) @ found @ small_b
            a_from_b /= a_from_b[2, 2]
        return a_from_b
