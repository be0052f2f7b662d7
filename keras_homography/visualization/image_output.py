"""Write images as PNG and JPEG files, and render Matplotlib figures to images."""

import pathlib

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def _write(path: pathlib.Path, image: np.ndarray, suffix: str) -> None:
    encoded = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1]
    path.write_bytes(encoded.tobytes())


def write_png(path: pathlib.Path, image: np.ndarray) -> None:
    """Write an image as a PNG file.

    Args:
      path: of the file, whatever its suffix.
      image: uint8 `[height, width, 3]`, RGB.
    """
    _write(path, image, ".png")


def write_jpeg(path: pathlib.Path, image: np.ndarray) -> None:
    """Write an image as a JPEG file: lossy, a fifth of a PNG file's size for photographs.

    Args:
      path: of the file, whatever its suffix.
      image: uint8 `[height, width, 3]`, RGB.
    """
    _write(path, image, ".jpg")


def figure_to_image(figure: Figure) -> np.ndarray:
    """Render a Matplotlib figure without a display.

    Args:
      figure: at its own size and resolution.

    Returns:
      uint8 `[height, width, 3]`, RGB.
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
