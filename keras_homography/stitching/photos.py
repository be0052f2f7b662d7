"""The photos of a panorama: small copies stay in memory, full ones are read to be drawn."""

import dataclasses

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.utils import image_input

_REGISTRATION_SIDE = 1600  # pixels: longest side at which photos are registered
_PREVIEW_SIDE = 640  # pixels: longest side at which exposures and seams are found


@dataclasses.dataclass(frozen=True, eq=False)
class Photo:
    """A photo, reduced to what registration needs.

    Attributes:
      name: what the answer calls it.
      path: of its file.
      size: `(width, height)` of the file's image, pixels.
      gray: uint8 `[height, width]`, at most 1600 pixels a side; "pixels of the photo" are those
        of `gray` wherever nothing else is said.
      preview: uint8 `[height, width, 3]`, RGB, at most 640 pixels a side.
    """

    name: str
    path: str
    size: tuple[int, int]
    gray: np.ndarray
    preview: np.ndarray

    @property
    def photo_from_full(self) -> np.ndarray:
        """Homography from pixels of the file's image to those of `gray`, float64 `[3, 3]`."""
        return arrays.resizing(self.size, arrays.image_size(self.gray))

    @property
    def photo_from_preview(self) -> np.ndarray:
        """Homography from pixels of `preview` to those of `gray`, float64 `[3, 3]`."""
        return arrays.resizing(arrays.image_size(self.preview), arrays.image_size(self.gray))


def read(name: str, path: str) -> Photo:
    """Read a photo and reduce it.

    Args:
      name: what the answer calls it.
      path: of its file.

    Returns:
      The photo.

    Raises:
      UserError: the file cannot be read.
    """
    image = image_input.read_image(path)
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return Photo(
        name,
        path,
        arrays.image_size(image),
        _reduced(gray, _REGISTRATION_SIDE),
        _reduced(image, _PREVIEW_SIDE),
    )


def _reduced(image: np.ndarray, max_side: int) -> np.ndarray:
    size = arrays.image_size(image)
    scale = max_side / max(size)
    if scale >= 1.0:
        return image
    width, height = (max(1, round(side * scale)) for side in size)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
