"""Draw photos on one canvas: exposures, seams and bands by `cv2.detail`.

Exposures and seams are found on small copies; full photos are read one at a time.
"""

import dataclasses
from collections.abc import Callable

import cv2
import numpy as np

from keras_homography.stitching.photos import Photo
from keras_homography.stitching.surfaces import Canvas, Drawn, Surface
from keras_homography.utils import image_input

_PREVIEW_PIXELS = 100_000  # a photo, on the canvas that seams are found on
_MAX_PREVIEW_PIXELS = 3_000_000  # of that canvas
_BLEND_WIDTH = 0.05  # of the square root of the canvas's area
_MAX_SIDE = 32_000  # pixels: longer ones OpenCV cannot map


def fit_canvas(surface: Surface, indices: list[int], max_pixels: float) -> Canvas:
    """Return the canvas that holds all photos, at the panorama's size unless that is too large.

    Args:
      surface: where photos lie.
      indices: of the photos.
      max_pixels: of the canvas.

    Returns:
      The canvas.
    """
    bounds = np.array([surface.bounds(index) for index in indices])
    low, high = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    width, height = high - low
    scale = min(1.0, np.sqrt(max_pixels / (width * height)), _MAX_SIDE / max(width, height))
    return _canvas_between(float(scale), low * scale, high * scale)


def _canvas_between(scale: float, low: np.ndarray, high: np.ndarray) -> Canvas:
    """The canvas of whole pixels that holds what lies between two corners, `(x, y)`."""
    left, top = map(int, np.floor(low))
    right, bottom = map(int, np.ceil(high))
    return Canvas(scale, (left, top), (right + 1 - left, bottom + 1 - top))


def composite(
    surface: Surface,
    photos: dict[int, Photo],
    canvas: Canvas,
    progress: Callable[[str], None],
) -> np.ndarray:
    """Draw photos on one canvas.

    Args:
      surface: where photos lie.
      photos: index to photo.
      canvas: that holds them.
      progress: is told what is done.

    Returns:
      uint8 `[height, width, 3]`, RGB, black where no photo lies.
    """
    progress("finding exposures and seams")
    plan = _plan(surface, photos, canvas)
    bands = int(max(1.0, np.log2(_BLEND_WIDTH * np.sqrt(np.prod(canvas.size))) - 1.0))
    blender = cv2.detail.MultiBandBlender(0, bands)
    blender.prepare((0, 0, *canvas.size))
    for number, (index, photo) in enumerate(photos.items()):
        progress(f"drawing photo {number + 1}/{len(photos)}")
        image = image_input.read_image(photo.path)
        drawn = surface.draw(index, image, photo.photo_from_full, canvas)
        del image
        compensated = plan.compensator.apply(number, drawn.corner, drawn.image, drawn.mask)
        seam = cv2.resize(plan.seams[number], drawn.mask.shape[::-1])
        mask = cv2.bitwise_and(seam, drawn.mask)
        blender.feed(compensated.astype(np.int16), mask, drawn.corner)
        del drawn, compensated
    progress("blending")
    blended, _ = blender.blend(None, None)
    return np.clip(blended, 0, 255, out=blended).astype(np.uint8)


@dataclasses.dataclass(frozen=True, eq=False)
class _Plan:
    """What small copies say: gains of the photos, and which of them each pixel comes from.

    Attributes:
      compensator: a `cv2.detail.ExposureCompensator` that has seen all photos.
      seams: masks, uint8, of each photo's part of the small canvas.
    """

    compensator: cv2.detail.ExposureCompensator
    seams: list[np.ndarray]


def _plan(surface: Surface, photos: dict[int, Photo], canvas: Canvas) -> _Plan:
    small = _small_canvas(canvas, len(photos))
    drawn: list[Drawn] = [
        surface.draw(index, photo.preview, photo.photo_from_preview, small)
        for index, photo in photos.items()
    ]
    corners = [part.corner for part in drawn]
    images, masks = [part.image for part in drawn], [part.mask for part in drawn]
    compensator = cv2.detail.BlocksGainCompensator()
    compensator.feed(corners, images, masks)  # type: ignore[arg-type]  # takes arrays, too
    equalized = [
        compensator.apply(number, part.corner, part.image.copy(), part.mask).astype(np.float32)
        for number, part in enumerate(drawn)
    ]
    finder = cv2.detail.GraphCutSeamFinder("COST_COLOR_GRAD")
    found = finder.find(equalized, corners, masks)  # type: ignore[arg-type]  # takes arrays, too
    # Wider by a pixel: a seam of the small canvas leaves no gap on the large one.
    seams = [cv2.dilate(_as_array(mask), np.ones([3, 3], np.uint8)) for mask in found]
    return _Plan(compensator, seams)


def _small_canvas(canvas: Canvas, count: int) -> Canvas:
    width, height = canvas.size
    pixels = min(_PREVIEW_PIXELS * count, _MAX_PREVIEW_PIXELS)
    shrink = min(1.0, float(np.sqrt(pixels / (width * height))))
    matrix = canvas.canvas_from_panorama
    low = -matrix[:2, 2] * shrink
    return _canvas_between(canvas.scale * shrink, low, low + np.array(canvas.size) * shrink)


def _as_array(mask: np.ndarray | cv2.UMat) -> np.ndarray:
    return mask.get() if isinstance(mask, cv2.UMat) else mask
