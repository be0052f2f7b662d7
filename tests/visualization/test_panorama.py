"""Two aligned images on one canvas."""

import numpy as np

from keras_homography.visualization import panorama


def test_the_parts_of_an_image_are_joined_to_the_image(color):
    b_from_a = np.array([[1, 0, -100], [0, 1, 0], [0, 0, 1]], np.float64)
    canvas = panorama.blend(color[:, :220], color[:, 100:], b_from_a)
    assert canvas.shape == color.shape
    assert np.abs(canvas.astype(int) - color).mean() < 1.0


def test_the_canvas_of_a_runaway_homography_is_bounded(color):
    runaway = np.array([[1, 0, 0], [0, 1, 0], [-0.0031, 0, 1.0]])
    canvas = panorama.blend(color, color, runaway)
    assert max(canvas.shape) <= 3 * 320 + 1
