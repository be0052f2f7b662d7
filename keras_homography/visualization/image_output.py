"""Write images as PNG, JPEG and GIF files, and render Matplotlib figures to images.

Files are encoded in memory, decoded again, and replace what was there only when they are whole.
"""

import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from keras_homography.utils import files

if TYPE_CHECKING:  # Matplotlib is not needed to align images
    from matplotlib.figure import Figure


def _write(path: str | os.PathLike[str], image: np.ndarray, suffix: str) -> None:
    encoded = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    decoded = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
    if decoded is None or decoded.shape != image.shape:
        raise OSError(f"{path} cannot be decoded again.")
    files.write_bytes(path, encoded.tobytes())


def write_png(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Write an image as a PNG file.

    Args:
      path: of the file, whatever its suffix.
      image: uint8 `[height, width, 3]`, RGB.

    Raises:
      OSError: the file cannot be written; what was there stays.
    """
    _write(path, image, ".png")


def write_jpeg(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Write an image as a JPEG file: lossy, a fifth of a PNG file's size for photographs.

    Args:
      path: of the file, whatever its suffix.
      image: uint8 `[height, width, 3]`, RGB.

    Raises:
      OSError: the file cannot be written; what was there stays.
    """
    _write(path, image, ".jpg")


def write_gif(
    path: str | os.PathLike[str], images: Sequence[np.ndarray], milliseconds: int
) -> None:
    """Write an endless animated GIF.

    Args:
      path: of the file, whatever its suffix.
      images: uint8 `[height, width, 3]`, RGB, of one shape.
      milliseconds: that each is shown.

    Raises:
      OSError: the file cannot be written; what was there stays.
    """
    animation = cv2.Animation()
    animation.frames = [cv2.cvtColor(image, cv2.COLOR_RGB2BGR) for image in images]
    animation.durations = [milliseconds] * len(images)
    animation.loop_count = 0
    encoded = cv2.imencodeanimation(".gif", animation)[1]
    decoded = cv2.imdecodeanimation(encoded)[1]
    if len(decoded.frames) != len(images):
        raise OSError(f"{path} cannot be decoded again.")
    files.write_bytes(path, encoded.tobytes())


def write_figure(path: str | os.PathLike[str], figure: "Figure", dpi: int) -> None:
    """Write a Matplotlib figure as a PNG file.

    Args:
      path: of the file, whatever its suffix.
      figure: at its own size.
      dpi: its resolution.

    Raises:
      OSError: the file cannot be written; what was there stays.
    """
    encoded = io.BytesIO()
    figure.savefig(encoded, dpi=dpi, format="png")
    files.write_bytes(path, encoded.getvalue())


def figure_to_image(figure: "Figure") -> np.ndarray:
    """Render a Matplotlib figure without a display.

    Args:
      figure: at its own size and resolution.

    Returns:
      uint8 `[height, width, 3]`, RGB.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
