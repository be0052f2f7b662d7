"""Render scenes of several planes by two cameras, with the truth: homographies and regions."""

import cv2
import numpy as np

from keras_homography.geometry import arrays

_SUPERSAMPLING = 2
_FOCAL_LENGTH = 0.9  # in widths of an image


def look(position, target, size):
    """Return the projection of a camera that looks at a point, `[3, 4]`; y is down.

    Args:
      position: of the camera, `[3]`.
      target: the point, `[3]`.
      size: `(width, height)` of its image, pixels.
    """
    forward = np.subtract(target, position) / np.linalg.norm(np.subtract(target, position))
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(forward, right), forward])
    width, height = size
    focal = _FOCAL_LENGTH * width
    camera = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]])
    return camera @ np.column_stack([rotation, -rotation @ position])


def rectangle(origin, along_x, along_y):
    """Return a plane's points from `(u, v, 1)`, both 0 to 1: `[4, 3]`, homogeneous."""
    return np.column_stack([[*along_x, 0.0], [*along_y, 0.0], [*origin, 1.0]])


def render_pair(planes, camera_a, camera_b, size):
    """Render a scene from two places.

    Args:
      planes: `(texture, points)`, uint8 `[h, w]` and of `rectangle`, those in front last.
      camera_a: of `look`.
      camera_b: the same.
      size: `(width, height)` of both images, pixels.

    Returns:
      `(a, b, homographies, regions)`: uint8 images; of each plane `a_from_b` and, bool, where B
      shows it and A does too.
    """
    a, owner_a = _render(planes, camera_a, size)
    b, owner_b = _render(planes, camera_b, size)
    homographies = [
        arrays.normalize(camera_a @ points @ np.linalg.inv(camera_b @ points))
        for _, points in planes
    ]
    regions = []
    for number, a_from_b in enumerate(homographies):
        seen = (owner_a == number).astype(np.float32)
        in_b = cv2.warpPerspective(seen, a_from_b, size, flags=cv2.WARP_INVERSE_MAP)
        regions.append((owner_b == number) & (in_b > 0.5))
    return a, b, homographies, regions


def _render(planes, camera, size):
    """An image, and which plane each of its pixels shows, -1 for none."""
    large = tuple(_SUPERSAMPLING * side for side in size)
    image, owner = np.full(large[::-1], 128, np.uint8), np.full(large[::-1], -1)
    for number, (texture, points) in enumerate(planes):
        plane_from_texture = arrays.resizing(arrays.image_size(texture), (1.0, 1.0))
        plane_from_texture[:2, 2] += 0.5  # from 0 to 1, not from -0.5
        large_from_texture = arrays.resizing(size, large) @ camera @ points @ plane_from_texture
        shown = cv2.warpPerspective(np.ones_like(texture), large_from_texture, large) == 1
        image[shown] = cv2.warpPerspective(texture, large_from_texture, large)[shown]
        owner[shown] = number
    step = _SUPERSAMPLING
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), owner[::step, ::step]
