"""The surfaces that photos are drawn on: a plane, or a cylinder around the camera.

A panorama's own pixels are those of its reference, at full size; a canvas is a part of it, scaled.
"""

import dataclasses
import math
from typing import Protocol

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.stitching.cameras import Camera

_MIN_W = 0.15  # of a corner on a plane, relative to the photo's center: below it, near the horizon
_MAX_SLOPE = 3.0  # on a cylinder: higher or lower lines of sight are cut off
_BORDER_POINTS = 33  # a side of a photo, that say where it lies
_STRIP = 256  # rows of a cylinder that are mapped at once


@dataclasses.dataclass(frozen=True)
class Canvas:
    """A picture of the panorama.

    Attributes:
      scale: pixels of the canvas in one of the panorama.
      origin: `(x, y)` of its top left pixel, in scaled pixels.
      size: `(width, height)`, pixels.
    """

    scale: float
    origin: tuple[int, int]
    size: tuple[int, int]

    @property
    def canvas_from_panorama(self) -> np.ndarray:
        """Homography, float64 `[3, 3]`, half-pixel centers kept."""
        matrix = arrays.resizing((1.0, 1.0), (self.scale, self.scale))
        matrix[:2, 2] -= self.origin
        return matrix


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """A photo on a canvas.

    Attributes:
      corner: `(x, y)` of its top left pixel on the canvas.
      image: uint8 `[height, width, 3]`.
      mask: uint8 `[height, width]`, 255 where the photo is.
    """

    corner: tuple[int, int]
    image: np.ndarray
    mask: np.ndarray


class Surface(Protocol):
    """Where photos, named by their index, lie on a panorama."""

    def bounds(self, index: int) -> np.ndarray:
        """Return left, top, right and bottom of a photo, float64 `[4]`, pixels of the panorama."""
        ...

    def draw(
        self, index: int, image: np.ndarray, photo_from_image: np.ndarray, canvas: Canvas
    ) -> Drawn:
        """Draw a photo.

        Args:
          index: of the photo.
          image: the photo at any size, uint8 `[height, width, 3]`.
          photo_from_image: `[3, 3]`, pixels of `image` to pixels of the photo.
          canvas: on which it is drawn.

        Returns:
          The part of the canvas that it covers.
        """
        ...


class Plane:
    """A plane, with a homography for each photo.

    Args:
      panorama_from_photo: photo to homography, `[3, 3]`.
      sizes: photo to `(width, height)`, pixels.
    """

    def __init__(
        self, panorama_from_photo: dict[int, np.ndarray], sizes: dict[int, tuple[int, int]]
    ) -> None:
        self._matrices, self._sizes = panorama_from_photo, sizes

    def is_too_wide(self, index: int) -> bool:
        """Return whether a photo looks nearly along the plane, where it would be drawn huge."""
        width, height = self._sizes[index]
        corners = np.column_stack([arrays.corners((width, height)), np.ones(4)])
        matrix = self._matrices[index]
        depth = corners @ matrix[2]
        at_center = np.array([width / 2, height / 2, 1.0]) @ matrix[2]
        return bool(at_center <= 0 or depth.min() < _MIN_W * at_center)

    def bounds(self, index: int) -> np.ndarray:
        """Return left, top, right and bottom of a photo, as of `Surface`."""
        quad = arrays.transform_points(
            self._matrices[index], arrays.corners(self._sizes[index]) - 0.5
        )
        return np.concatenate([quad.min(axis=0), quad.max(axis=0)])

    def draw(
        self, index: int, image: np.ndarray, photo_from_image: np.ndarray, canvas: Canvas
    ) -> Drawn:
        """Draw a photo, as of `Surface`."""
        (left, top), size = _part(canvas, self.bounds(index))
        shift = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1]], np.float64)
        part_from_photo = shift @ canvas.canvas_from_panorama @ self._matrices[index]
        image, photo_from_image = _prefiltered(image, photo_from_image, part_from_photo)
        warped, mask = arrays.warp_image(image, part_from_photo @ photo_from_image, size)
        return Drawn((left, top), warped, mask.astype(np.uint8) * 255)


class Cylinder:
    """A cylinder around the place of the camera, its axis vertical.

    A point of the panorama is `(radius * azimuth, radius * slope)`, where for a line of sight
    `(x, y, z)` in the panorama's axes the azimuth is `atan2(x, z)` and the slope `y / hypot(x, z)`.

    Args:
      cameras: photo to camera.
      sizes: photo to `(width, height)`, pixels.
      radius: pixels of the panorama.
    """

    def __init__(
        self, cameras: dict[int, Camera], sizes: dict[int, tuple[int, int]], radius: float
    ) -> None:
        self._cameras, self._sizes, self._radius = cameras, sizes, radius

    def bounds(self, index: int) -> np.ndarray:
        """Return left, top, right and bottom of a photo, as of `Surface`."""
        camera = self._cameras[index]
        steps = np.linspace(-0.5, 0.5, _BORDER_POINTS)
        x, y = (part.ravel() for part in np.meshgrid(steps, steps))
        pixels = np.stack([x, y], axis=-1) * self._sizes[index] + camera.center
        rays = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(camera.matrix).T
        x, y, z = (rays @ camera.rotation.T).T
        middle = self._azimuth(index)
        # Unwrapped: a photo may look across the azimuth where the panorama begins.
        azimuth = middle + np.remainder(np.arctan2(x, z) - middle + np.pi, 2 * np.pi) - np.pi
        slope = np.clip(y / np.maximum(np.hypot(x, z), 1e-9), -_MAX_SLOPE, _MAX_SLOPE)
        low, high = (f(azimuth) for f in (np.min, np.max))
        return self._radius * np.array([low, slope.min(), high, slope.max()])

    def draw(
        self, index: int, image: np.ndarray, photo_from_image: np.ndarray, canvas: Canvas
    ) -> Drawn:
        """Draw a photo, as of `Surface`."""
        camera = self._cameras[index]
        (left, top), (width, height) = _part(canvas, self.bounds(index))
        local = np.diag([canvas.scale * self._radius / camera.focal] * 2 + [1.0])
        image, photo_from_image = _prefiltered(image, photo_from_image, local)
        image_from_rays = np.linalg.inv(photo_from_image) @ camera.matrix @ camera.rotation.T
        panorama_from_canvas = np.linalg.inv(canvas.canvas_from_panorama)
        scale, _, x0 = panorama_from_canvas[0]
        y0 = panorama_from_canvas[1, 2]
        azimuth = ((np.arange(width) + left) * scale + x0) / self._radius
        drawn = np.zeros([height, width, 3], np.uint8)
        mask = np.zeros([height, width], np.uint8)
        white = np.full(image.shape[:2], 255, np.uint8)
        for begin in range(0, height, _STRIP):
            rows = np.arange(begin, min(begin + _STRIP, height))
            slope = ((rows + top) * scale + y0) / self._radius
            x, y, depth = (
                row[0] * np.sin(azimuth) + row[2] * np.cos(azimuth) + row[1] * slope[:, None]
                for row in image_from_rays
            )
            ahead = depth > 1e-6
            x, y = (
                np.where(ahead, part / np.where(ahead, depth, 1.0), -1e4).astype(np.float32)
                for part in (x, y)
            )
            cv2.remap(image, x, y, cv2.INTER_LINEAR, dst=drawn[begin : begin + _STRIP])
            mask[begin : begin + _STRIP] = cv2.remap(white, x, y, cv2.INTER_LINEAR)
        return Drawn((left, top), drawn, np.where(mask == 255, mask, 0))

    def _azimuth(self, index: int) -> float:
        x, _, z = self._cameras[index].rotation[:, 2]
        return math.atan2(x, z)


def _part(canvas: Canvas, bounds: np.ndarray) -> tuple[tuple[int, int], tuple[int, int]]:
    """Corner and size of the part of a canvas within bounds of the panorama."""
    low = np.floor(bounds[:2] * canvas.scale).astype(int) - canvas.origin
    high = np.ceil(bounds[2:] * canvas.scale).astype(int) + 1 - canvas.origin
    low, high = np.clip(low, 0, canvas.size), np.clip(high, 0, canvas.size)
    width, height = np.maximum(high - low, 1)
    return (int(low[0]), int(low[1])), (int(width), int(height))


def _prefiltered(
    image: np.ndarray, photo_from_image: np.ndarray, target_from_photo: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Reduce an image that is to be drawn much smaller: bilinear sampling would skip pixels."""
    size = arrays.image_size(image)
    quad = arrays.transform_points(target_from_photo @ photo_from_image, arrays.corners(size))
    scale = math.sqrt(cv2.contourArea(quad.astype(np.float32)) / (size[0] * size[1]))
    if scale > 0.7:
        return image, photo_from_image
    reduced_size = tuple(max(1, round(side * scale)) for side in size)
    reduced = cv2.resize(image, reduced_size, interpolation=cv2.INTER_AREA)
    return reduced, photo_from_image @ arrays.resizing(reduced_size, size)
