"""Where the photos of a panorama lie."""

import dataclasses
from typing import Literal

import numpy as np

from keras_homography.stitching.cameras import Camera
from keras_homography.stitching.photo_graph import Link

Projection = Literal["planar", "cylindrical"]


@dataclasses.dataclass(frozen=True, eq=False)
class Arrangement:
    """Where photos lie, in pixels of the reference.

    Attributes:
      reference: index of the photo in the middle.
      links: the pairs that it rests on.
      homographies: photo to `reference_from_photo`, `[3, 3]`; of a planar panorama.
      cameras: photo to camera; of a cylindrical panorama.
      residual: mean over the pairs of the median distance of matched points, pixels.
    """

    reference: int
    links: list[Link]
    homographies: dict[int, np.ndarray]
    cameras: dict[int, Camera]
    residual: float

    @property
    def members(self) -> list[int]:
        """Indices of the photos that are part of it, sorted."""
        return sorted(self.homographies or self.cameras)
