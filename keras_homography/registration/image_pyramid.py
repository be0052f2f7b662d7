"""Image pyramids of a pair, and the refinement of a homography from coarse to fine levels.

In NumPy and OpenCV, at no more than `lucas_kanade_level.MAX_POINTS` pixels a level: needs no
TensorFlow, and takes about as long for twelve megapixels as for one.
"""

import copy
import functools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import local_light, lucas_kanade, masks, motion_models
from keras_homography.registration.motion_models import Motion
from keras_homography.registration.sampling import Sampler

_MIN_COARSEST_SIDE = 96  # pixels: shorter side of the coarsest level
_MAX_COMPARISON_SIDE = 320  # pixels: longer side at which two images are compared


def build_pyramid(gray: np.ndarray) -> list[np.ndarray]:
    """Halve an image until its shorter side is below 192 pixels.

    Args:
      gray: uint8 `[height, width]`.

    Returns:
      The levels, uint8, finest first.
    """
    levels = [gray]
    while min(levels[-1].shape) >= 2 * _MIN_COARSEST_SIDE:
        width, height = arrays.image_size(levels[-1])
        levels.append(
            cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA)
        )
    return levels


def comparison_level(pyramid: Sequence[np.ndarray]) -> int:
    """Index of the level at which images are compared: the finest of at most 320 pixels a side."""
    return finest_level(pyramid, _MAX_COMPARISON_SIDE)


def finest_level(pyramid: Sequence[np.ndarray], max_side: int) -> int:
    """Index of the finest level of at most so many pixels a side; else that of the coarsest."""
    sides = [max(gray.shape) for gray in pyramid]
    return next((i for i, side in enumerate(sides) if side <= max_side), len(sides) - 1)


class PreparedImage(NamedTuple):
    """The levels of an image, and what is computed of them.

    Attributes:
      pyramid: uint8, finest first, filled where the image is masked.
      masks: bool, the levels of its mask; None if all of it counts.
      samplers: of levels, by index, once they are needed; shared by all pairs of the image.
    """

    pyramid: list[np.ndarray]
    masks: list[np.ndarray] | None
    samplers: dict[int, Sampler]


def prepare(gray: np.ndarray, mask: np.ndarray | None = None) -> PreparedImage:
    """Build the pyramids of an image and of its mask.

    Args:
      gray: uint8 `[height, width]`.
      mask: bool `[height, width]`, where the image counts; None for everywhere.
    """
    pyramid = build_pyramid(gray if mask is None else masks.fill(gray, mask))
    return PreparedImage(
        pyramid, masks.build_levels(mask, list(map(arrays.image_size, pyramid))), samplers={}
    )


class ImagePair:
    """The pyramids of two images, and refinement of homographies on them.

    Every `a_from_b` that comes in or goes out is in pixels of the full images. Levels are those of
    B, 0 the finest.

    Args:
      gray_a: uint8 `[height, width]`, at least 16 pixels a side; or prepared, with its mask.
      gray_b: the same; its size may differ.
      mask_a: bool `[height, width]`, where A counts; None for everywhere.
      mask_b: the same of B.
      motion: the model of the motion between them.

    Attributes:
      motion: as given.
      pyramid_a: the levels of A, uint8, finest first.
      pyramid_b: the levels of B.
      masks_a: the levels of the mask of A, bool; None if all of it counts.
      masks_b: the same of B.
      size_a: `(width, height)` of A, pixels.
      size_b: `(width, height)` of B, pixels.
      comparison_level: index of the level of B at which the images are compared.
    """

    def __init__(
        self,
        gray_a: np.ndarray | PreparedImage,
        gray_b: np.ndarray | PreparedImage,
        mask_a: np.ndarray | None = None,
        mask_b: np.ndarray | None = None,
        motion: Motion = Motion.HOMOGRAPHY,
    ) -> None:
        self.motion = motion
        image_a = gray_a if isinstance(gray_a, PreparedImage) else prepare(gray_a, mask_a)
        image_b = gray_b if isinstance(gray_b, PreparedImage) else prepare(gray_b, mask_b)
        self.masks_a, self.masks_b = image_a.masks, image_b.masks
        self._set_pyramids(image_a.pyramid, image_b.pyramid, image_a.samplers)
        self.size_a, self.size_b = (
            arrays.image_size(image.pyramid[0]) for image in (image_a, image_b)
        )
        self.comparison_level = comparison_level(self.pyramid_b)

    def _set_pyramids(
        self,
        pyramid_a: Sequence[np.ndarray],
        pyramid_b: Sequence[np.ndarray],
        samplers_a: dict[int, Sampler],
    ) -> None:
        self.pyramid_a, self.pyramid_b, self._samplers_a = pyramid_a, pyramid_b, samplers_a
        self._levels: dict[tuple[int, int], lucas_kanade.Level] = {}
        # The last comparison, which refinement asks for first, and the evidence once more.
        self._compared: tuple[bytes, lucas_kanade.Comparison] | None = None

    @functools.cached_property
    def without_local_light(self) -> "ImagePair":
        """The pair without local brightness and contrast, for parts in other light."""
        pair = copy.copy(self)
        pair._set_pyramids(
            local_light.WithoutLocalLight(self.pyramid_a),
            local_light.WithoutLocalLight(self.pyramid_b),
            samplers_a={},
        )
        return pair

    def compare(self, a_from_b: np.ndarray) -> lucas_kanade.Comparison:
        """Compare the images under a homography, at the comparison level, by regions that agree.

        Args:
          a_from_b: `[3, 3]`.
        """
        key = a_from_b.tobytes()
        if self._compared is None or self._compared[0] != key:
            level, level_a_from_b = self.at(a_from_b, self.comparison_level)
            comparison = lucas_kanade.Comparison(level, level_a_from_b, by_regions=True)
            self._compared = key, comparison
        return self._compared[1]

    def disagreement(self, a_from_b: np.ndarray) -> float:
        """Estimate the misalignment that residuals at the comparison level suggest, in its pixels.

        Args:
          a_from_b: `[3, 3]`.

        Returns:
          See `lucas_kanade.Comparison.disagreement`.
        """
        return self.compare(a_from_b).disagreement()

    def at(self, a_from_b: np.ndarray, index: int) -> tuple[lucas_kanade.Level, np.ndarray]:
        """Select the levels of A and B that have about as many pixels for the same part of a scene.

        Args:
          a_from_b: `[3, 3]`.
          index: of the level of B.

        Returns:
          `(level, level_a_from_b)`: the two images, and `a_from_b` in their pixels.
        """
        width, height = self.size_b
        quad = arrays.transform_points(a_from_b, arrays.corners(self.size_b)).astype(np.float32)
        area = max(cv2.contourArea(quad), 1e-6) / (width * height)
        index_a = int(np.clip(np.round(index + 0.5 * np.log2(area)), 0, len(self.pyramid_a) - 1))
        if (index_a, index) not in self._levels:
            if index_a not in self._samplers_a:
                self._samplers_a[index_a] = Sampler(self.pyramid_a[index_a])
            self._levels[index_a, index] = lucas_kanade.Level(
                self.pyramid_a[index_a],
                self.pyramid_b[index],
                None if self.masks_a is None else self.masks_a[index_a],
                None if self.masks_b is None else self.masks_b[index],
                self._samplers_a[index_a],
            )
        level = self._levels[index_a, index]
        level_from_a, level_from_b = self._resizings(level)
        return level, level_from_a @ a_from_b @ np.linalg.inv(level_from_b)

    def refine_to_comparison_level(
        self, a_from_b: np.ndarray, steps: int, by_regions: bool = False
    ) -> np.ndarray | None:
        """Refine a homography from the coarsest level to the one at which images are compared.

        Args:
          a_from_b: `[3, 3]`.
          steps: of Lucas–Kanade on each level, at most.
          by_regions: whether to leave out whole regions that do not agree.

        Returns:
          The refined `a_from_b`; None if it diverges.
        """
        coarsest = len(self.pyramid_b) - 1
        return self.refine(
            a_from_b, range(coarsest, self.comparison_level - 1, -1), steps, by_regions
        )

    def refine_to_full_resolution(
        self, a_from_b: np.ndarray, steps: int, by_regions: bool = False
    ) -> np.ndarray | None:
        """Refine a homography on the levels that are finer than the comparison level.

        Arguments and result as of `refine_to_comparison_level`.
        """
        return self.refine(a_from_b, range(self.comparison_level - 1, -1, -1), steps, by_regions)

    def refine(
        self, a_from_b: np.ndarray, indices: Iterable[int], steps: int, by_regions: bool = False
    ) -> np.ndarray | None:
        """Refine a homography on one level after another.

        Args:
          a_from_b: `[3, 3]`.
          indices: of the levels of B, in order.
          steps: of Lucas–Kanade on each level, at most.
          by_regions: whether to leave out whole regions that do not agree.

        Returns:
          The refined `a_from_b`; None if it diverges.
        """
        possible_steps = motion_models.possible_steps(self.motion)
        for index in indices:
            level, level_a_from_b = self.at(self.project(a_from_b), index)
            refined = lucas_kanade.refine_level(
                level, level_a_from_b, steps, possible_steps, by_regions
            )
            if refined is None:
                return None
            level_from_a, level_from_b = self._resizings(level)
            a_from_b = np.linalg.inv(level_from_a) @ refined @ level_from_b
            a_from_b /= a_from_b[2, 2]
        return self.project(a_from_b)

    def project(self, a_from_b: np.ndarray) -> np.ndarray:
        """Replace a homography by the nearest one of the model of motion."""
        return motion_models.project(self.motion, a_from_b, self.size_a, self.size_b)

    def _resizings(self, level: lucas_kanade.Level) -> tuple[np.ndarray, np.ndarray]:
        """`(level_from_a, level_from_b)`: matrices from the full images to those of a level."""
        return (
            arrays.resizing(self.size_a, arrays.image_size(level.gray_a)),
            arrays.resizing(self.size_b, arrays.image_size(level.gray_b)),
        )
