"""Overlays of two aligned images: A warped to the frame of B, red over cyan, checkerboard, blink.

Images are uint8 `[height, width, 3]`, RGB.
"""

import math
import pathlib

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.visualization import image_output

_TILES = 8  # of a checkerboard, along the longer side
_BLINK = 600  # milliseconds a frame


def shrink(image: np.ndarray, max_side: int) -> tuple[np.ndarray, np.ndarray]:
    """Resize an image so that no side is longer than `max_side`.

    Args:
      image: uint8 `[height, width, channels]` or `[height, width]`.
      max_side: in pixels; a smaller image is returned as it is.

    Returns:
      `(resized, resized_from_image)`: the image, and the matrix from its pixels to the new ones,
      float64 `[3, 3]`.
    """
    width, height = arrays.image_size(image)
    scale = min(1.0, max_side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale < 1.0:
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return image, arrays.resizing((width, height), size)


def align(image_a: np.ndarray, b_from_a: np.ndarray, size_b: tuple[int, int]) -> np.ndarray:
    """Warp A to the frame of B.

    Args:
      image_a: uint8 `[height, width, 3]`.
      b_from_a: float64 `[3, 3]`, pixels of A to pixels of B.
      size_b: `(width, height)` of B, pixels.

    Returns:
      uint8 `[height of B, width of B, 3]`, black outside A.
    """
    return cv2.warpPerspective(image_a, b_from_a, size_b, flags=cv2.INTER_LINEAR)


def red_cyan(aligned: np.ndarray, image_b: np.ndarray) -> np.ndarray:
    """Draw A in red over B in cyan: gray where they agree.

    Args:
      aligned: A in the frame of B, of `align`.
      image_b: of the same shape.

    Returns:
      uint8 `[height, width, 3]`.
    """
    red, cyan = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (aligned, image_b))
    return np.dstack([red, cyan, cyan])


def checkerboard(aligned: np.ndarray, image_b: np.ndarray) -> np.ndarray:
    """Draw A and B in alternating tiles: edges continue across tiles where they agree.

    Args:
      aligned: A in the frame of B, of `align`.
      image_b: of the same shape.

    Returns:
      uint8 `[height, width, 3]`.
    """
    height, width = image_b.shape[:2]
    tile = max(1, math.ceil(max(height, width) / _TILES))
    y, x = np.indices((height, width), sparse=True)
    return np.where(((x // tile + y // tile) % 2 == 0)[..., None], aligned, image_b)


def write_blink(path: pathlib.Path, aligned: np.ndarray, image_b: np.ndarray) -> None:
    """Write an endless animated GIF that alternates between A and B.

    Args:
      path: of the file.
      aligned: A in the frame of B, of `align`.
      image_b: of the same shape.

    Raises:
      OSError: the file cannot be written.
    """
    image_output.write_gif(path, (aligned, image_b), _BLINK)
