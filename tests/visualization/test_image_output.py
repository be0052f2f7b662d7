"""Images that are written are read back."""

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from keras_homography.visualization import image_output


@pytest.mark.parametrize(
    ("write", "suffix", "tolerance"),
    [(image_output.write_png, "png", 0), (image_output.write_jpeg, "jpg", 6)],
)
def test_an_image_is_read_back_in_its_colors(write, suffix, tolerance, tmp_path):
    image = np.full((48, 64, 3), (200, 120, 30), np.uint8)
    path = tmp_path / f"image.{suffix}"
    write(path, image)
    decoded = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_allclose(decoded.astype(int), image, atol=tolerance)


def test_a_figure_is_rendered_at_its_size_and_in_its_colors():
    figure = Figure(figsize=(2, 1), dpi=50, facecolor="red")
    image = image_output.figure_to_image(figure)
    np.testing.assert_array_equal(image, np.full((50, 100, 3), (255, 0, 0)))
