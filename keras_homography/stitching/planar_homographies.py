"""The homographies of a planar panorama: photos of one plane, or from one place."""

import numpy as np

from keras_homography.geometry import arrays
from keras_homography.stitching import global_refinement
from keras_homography.stitching.photo_graph import Link

_PARAMETERS = 8  # of a homography


def refine(
    links: list[Link],
    initial: dict[int, np.ndarray],
    reference: int,
    sizes: dict[int, tuple[int, int]],
) -> dict[int, np.ndarray]:
    """Refine the homographies of all photos to one.

    Args:
      links: pairs of photos, with matched points.
      initial: photo to `reference_from_photo`, `[3, 3]`.
      reference: index of the photo whose homography stays the identity.
      sizes: photo to `(width, height)`, pixels.

    Returns:
      As `initial`, refined.
    """
    model = _Homographies(initial, reference, sizes)
    parameters = global_refinement.solve(model, links)
    refined = {index: model.matrix(index, parameters[model.own(index)]) for index in initial}
    return {index: matrix / matrix[2, 2] for index, matrix in refined.items()}


class _Homographies:
    """A homography a photo; eight numbers say by how much it differs from the initial one."""

    def __init__(
        self,
        initial: dict[int, np.ndarray],
        reference: int,
        sizes: dict[int, tuple[int, int]],
    ) -> None:
        self._initial = initial
        movable = [index for index in initial if index != reference]
        self._places = {index: _PARAMETERS * number for number, index in enumerate(movable)}
        # In units of a photo, its center the origin, all eight numbers have one scale.
        self._units = {index: arrays.resizing(sizes[index], (2, 2)) for index in initial}
        for unit in self._units.values():
            unit[:2, 2] -= 0.5
        self.size = _PARAMETERS * len(movable)

    def own(self, index: int) -> np.ndarray:
        begin = self._places.get(index)
        return np.arange(0) if begin is None else np.arange(begin, begin + _PARAMETERS)

    def columns(self, link: Link) -> np.ndarray:
        return np.concatenate([self.own(link.a), self.own(link.b)])

    def matrix(self, index: int, parameters: np.ndarray) -> np.ndarray:
        if not parameters.size:
            return self._initial[index]
        unit = self._units[index]
        step = np.eye(3) + np.append(parameters, 0.0).reshape(3, 3)
        return self._initial[index] @ np.linalg.inv(unit) @ step @ unit

    def a_from_b(self, link: Link, parameters: np.ndarray) -> np.ndarray:
        count = self.own(link.a).size
        of_a = self.matrix(link.a, parameters[:count])
        return np.linalg.inv(of_a) @ self.matrix(link.b, parameters[count:])
