"""Photos whose places are known, rendered out of generated images."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_homography.data import synthetic_images
from keras_homography.geometry import arrays

SIZE = (360, 270)
FOCAL = 330.0


@pytest.fixture(scope="session")
def scene():
    """A wide generated image, uint8 `[420, 1000, 3]`."""
    halves = [
        synthetic_images.draw_image(tf.constant([7, number], tf.int64), 420, 500).numpy()[..., 0]
        for number in range(2)
    ]
    gray = np.hstack(halves)
    return np.dstack([gray, gray // 2 + 60, gray])


def exposed(image, gain, seed):
    noise = np.random.default_rng(seed).normal(0.0, 2.0, image.shape)
    return np.clip(image * gain + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def plane_photos(scene):
    """Four photos of a plane, of two sizes, the last upside down; `scene_from_photo` of each."""
    rng = np.random.default_rng(3)
    photos, matrices = [], []
    for number, turned in enumerate([False, False, False, True]):
        size = SIZE if number != 1 else (450, 300)
        square = arrays.corners(size).astype(np.float32)
        quad = (
            arrays.corners(SIZE) + np.array([40 + 190 * number, 70]) + rng.uniform(-25, 25, [4, 2])
        )
        if turned:
            quad = np.roll(quad, 2, axis=0)
        matrix = cv2.getPerspectiveTransform(square, quad.astype(np.float32))
        image = cv2.warpPerspective(scene, np.linalg.inv(matrix), size)
        photos.append(exposed(image, 0.85 + 0.1 * number, number))
        matrices.append(matrix)
    return photos, matrices


@pytest.fixture(scope="session")
def turned_photos(scene):
    """Four photos from one place, each turned by 28 degrees; `photo_from_direction` of each."""
    width, height = SIZE
    center = (np.array(SIZE) - 1) / 2
    camera = np.array([[FOCAL, 0, center[0]], [0, FOCAL, center[1]], [0, 0, 1]])
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ np.linalg.inv(camera).T
    photos, matrices = [], []
    for number in range(4):
        angle = np.deg2rad(28.0 * (number - 1.5))
        tilt = np.deg2rad([2.0, -3.0, 1.0, 2.0][number])
        rotation = (
            cv2.Rodrigues(np.array([0, angle, 0.0]))[0]
            @ cv2.Rodrigues(np.array([tilt, 0, tilt]))[0]
        )
        x, y, z = np.moveaxis(rays @ rotation.T, -1, 0)
        u = np.arctan2(x, z) * FOCAL + scene.shape[1] / 2
        v = y / np.hypot(x, z) * FOCAL + scene.shape[0] / 2
        maps = u.astype(np.float32), v.astype(np.float32)
        photos.append(exposed(cv2.remap(scene, *maps, cv2.INTER_LINEAR), 1.0, number))
        matrices.append(camera @ rotation.T)
    return photos, matrices
