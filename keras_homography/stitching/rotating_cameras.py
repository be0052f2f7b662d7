"""The cameras of a cylindrical panorama: photos taken from one place, however wide the field."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from keras_homography.stitching import global_refinement, photo_graph
from keras_homography.stitching.cameras import Camera, homography
from keras_homography.stitching.photo_graph import Link

_FOCAL_LENGTHS = np.geomspace(0.35, 8.0, 120)  # in longest sides of a photo
_TURN = 3  # parameters of a rotation


def initialize(
    tree: list[Link], reference: int, sizes: dict[int, tuple[int, int]]
) -> dict[int, Camera]:
    """Find cameras from the homographies of a tree of pairs.

    The focal length is the one under which these homographies are closest to rotations.

    Args:
      tree: links without loops.
      reference: index of the photo whose axes are those of the panorama.
      sizes: photo to `(width, height)`, pixels.

    Returns:
      Photo to camera.
    """

    def camera(index: int, focal: float, rotation: np.ndarray) -> Camera:
        width, height = sizes[index]
        center = ((width - 1) / 2, (height - 1) / 2)
        return Camera(focal * max(width, height), center, rotation)

    def strangeness(focal: float) -> float:
        return sum(
            _to_rotation(camera(link.a, focal, np.eye(3)), camera(link.b, focal, np.eye(3)), link)
            for link in tree
        )

    focal = min(_FOCAL_LENGTHS, key=strangeness)
    cameras = {reference: camera(reference, focal, np.eye(3))}
    for near, far, near_from_far in photo_graph.walk(tree, reference):
        cameras[far] = camera(far, focal, np.eye(3))
        turn, _ = _nearest_rotation(cameras[near], cameras[far], near_from_far)
        cameras[far] = dataclasses.replace(cameras[far], rotation=cameras[near].rotation @ turn)
    return cameras


def _to_rotation(camera_a: Camera, camera_b: Camera, link: Link) -> float:
    return _nearest_rotation(camera_a, camera_b, link.a_from_b)[1]


def _nearest_rotation(
    camera_a: Camera, camera_b: Camera, a_from_b: np.ndarray
) -> tuple[np.ndarray, float]:
    """The rotation behind a homography, and how far the homography is from one."""
    turn = np.linalg.inv(camera_a.matrix) @ a_from_b @ camera_b.matrix
    turn /= np.cbrt(np.linalg.det(turn))
    left, values, right = np.linalg.svd(turn)
    return left @ right, float(np.abs(values - 1.0).sum())


def refine(
    links: list[Link], initial: dict[int, Camera], reference: int, lenses: dict[int, int]
) -> dict[int, Camera]:
    """Refine the rotations and focal lengths of all photos.

    Args:
      links: pairs of photos, with matched points.
      initial: photo to camera.
      reference: index of the photo whose rotation stays.
      lenses: photo to the number of its lens, from 0; photos of one number share a focal length.

    Returns:
      As `initial`, refined.
    """
    model = _Cameras(initial, reference, lenses)
    parameters = global_refinement.solve(model, links)
    return {index: model.camera(index, parameters[model.own(index)]) for index in initial}


class _Cameras:
    """A rotation a photo and a focal length a lens, as differences from the initial ones."""

    def __init__(self, initial: dict[int, Camera], reference: int, lenses: dict[int, int]) -> None:
        self._initial, self._lenses = initial, lenses
        count = 1 + max(lenses.values())
        movable = [index for index in initial if index != reference]
        self._places = {index: count + _TURN * number for number, index in enumerate(movable)}
        self.size = count + _TURN * len(movable)

    def own(self, index: int) -> np.ndarray:
        begin = self._places.get(index)
        turn = [] if begin is None else [begin, begin + 1, begin + 2]
        return np.array([self._lenses[index], *turn])

    def columns(self, link: Link) -> np.ndarray:
        return np.unique(np.concatenate([self.own(link.a), self.own(link.b)]))

    def camera(self, index: int, parameters: np.ndarray) -> Camera:
        camera = self._initial[index]
        rotation = camera.rotation
        if len(parameters) > 1:
            rotation = rotation @ cv2.Rodrigues(parameters[1:])[0]
        focal = camera.focal * float(np.exp(parameters[0]))
        return dataclasses.replace(camera, focal=focal, rotation=rotation)

    def a_from_b(self, link: Link, parameters: np.ndarray) -> np.ndarray:
        columns = self.columns(link)
        camera_a, camera_b = (
            self.camera(index, parameters[np.searchsorted(columns, self.own(index))])
            for index in (link.a, link.b)
        )
        return homography(camera_a, camera_b)


def level(cameras: dict[int, Camera]) -> dict[int, Camera]:
    """Turn the axes of a panorama so that its horizon is level, its middle straight ahead.

    Args:
      cameras: photo to camera.

    Returns:
      The same cameras in other axes; the widest gap between photos is behind.
    """
    indices = list(cameras)
    rotations: Sequence[Any] = [cameras[i].rotation.astype(np.float32) for i in indices]
    if len(rotations) > 1:
        rotations = cv2.detail.waveCorrect(rotations, cv2.detail.WAVE_CORRECT_HORIZ)
    leveled = rotations[0].astype(np.float64) @ cameras[indices[0]].rotation.T
    left, _, right = np.linalg.svd(leveled)  # float32 again a rotation
    leveled = left @ right
    ahead = [leveled @ cameras[index].rotation[:, 2] for index in indices]
    azimuths = np.sort([np.arctan2(x, z) for x, _, z in ahead])
    gaps = np.diff(np.append(azimuths, azimuths[0] + 2.0 * np.pi))
    behind = azimuths[gaps.argmax()] + gaps.max() / 2.0
    turn = cv2.Rodrigues(np.array([0.0, np.pi - behind, 0.0]))[0]
    return {
        index: dataclasses.replace(camera, rotation=turn @ leveled @ camera.rotation)
        for index, camera in cameras.items()
    }
