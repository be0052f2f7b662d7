"""Cameras that turn about their center."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Camera:
    """A camera that turned about its center.

    Attributes:
      focal: focal length, pixels.
      center: `(x, y)`, the principal point, pixels.
      rotation: float64 `[3, 3]`, from the camera's axes (x right, y down, z forward) to those of
        the panorama.
    """

    focal: float
    center: tuple[float, float]
    rotation: np.ndarray

    @property
    def matrix(self) -> np.ndarray:
        """Camera matrix, float64 `[3, 3]`: directions to pixels."""
        x, y = self.center
        return np.array([[self.focal, 0, x], [0, self.focal, y], [0, 0, 1]], np.float64)


def homography(camera_a: Camera, camera_b: Camera) -> np.ndarray:
    """Return `a_from_b` of two photos taken from one place, float64 `[3, 3]`."""
    turn = camera_a.rotation.T @ camera_b.rotation
    return camera_a.matrix @ turn @ np.linalg.inv(camera_b.matrix)
