"""Views of an image: their pixels are where their matrix says."""

import cv2
import numpy as np
import pytest

from keras_homography.geometry import arrays
from keras_homography.registration import image_pyramid, image_views
from keras_homography.registration.image_views import ViewSpec

SPECS = (
    ViewSpec(),
    ViewSpec(reduction=2.0),
    ViewSpec(reduction=0.64),
    *(ViewSpec(quarter_turns=turns) for turns in (1, 2, 3)),
    *(ViewSpec(tilt=2.0, direction=direction) for direction in (0, 45, 90, 120)),
    ViewSpec(reduction=2.0, quarter_turns=1, tilt=2.0, direction=30.0),
)


@pytest.mark.parametrize("size", [(320, 240), (500, 333), (1400, 900)])
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_a_spot_is_where_the_matrix_puts_it(spec, size):
    width, height = size
    generator = np.random.default_rng(0)
    for _ in range(2):
        x, y = generator.uniform(0.2, 0.8, 2) * size
        distance = np.hypot(*(np.indices((height, width))[::-1] - np.reshape([x, y], [2, 1, 1])))
        radius = max(size) / 40
        gray = (255 * np.exp(-0.5 * (distance / radius) ** 2)).astype(np.uint8)
        view = image_views.render(image_pyramid.build_pyramid(gray), spec)
        assert view.gray.shape[0] % 32 == view.gray.shape[1] % 32 == 0
        # A rotated image needs more room.
        room = (1.0 if spec.tilt == 1.0 else 1.5) / min(spec.reduction, 1.0)
        assert max(view.gray.shape) <= image_views.MAX_SIDE * room
        weights = np.maximum(view.gray.astype(float) - view.gray.max() / 2, 0.0)
        rows, columns = np.indices(weights.shape)
        place = [(weights * axis).sum() / weights.sum() for axis in (columns, rows)]
        expected = arrays.transform_points(view.view_from_image, np.array([[x, y]]))[0]
        np.testing.assert_allclose(place, expected, atol=0.6)


def test_covered_cells_are_those_whose_center_shows_the_image():
    gray = np.full((240, 320), 200, np.uint8)
    view = image_views.render(image_pyramid.build_pyramid(gray), ViewSpec(tilt=2.0, direction=45.0))
    rows, columns = view.covered.shape
    assert (8 * rows, 8 * columns) == view.gray.shape
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2) * 8 + 4
    inside = arrays.transform_points(np.linalg.inv(view.view_from_image), grid)
    margin = 6.0  # pixels: cells at the border may count or not
    surely = ((inside > margin) & (inside < np.array([319, 239]) - margin)).all(axis=1)
    possibly = ((inside > -margin) & (inside < np.array([319, 239]) + margin)).all(axis=1)
    covered = view.covered.ravel()
    assert covered[surely].all()
    assert not covered[~possibly].any()
    assert 0.3 < covered.mean() < 0.7


def test_a_tilted_view_is_compressed_in_its_direction():
    size = (640, 480)
    for direction in (0.0, 90.0):
        pyramid = image_pyramid.build_pyramid(np.zeros(size[::-1], np.uint8))
        view = image_views.render(pyramid, ViewSpec(tilt=2.0, direction=direction))
        linear = np.linalg.svd(view.view_from_image[:2, :2], compute_uv=False)
        assert linear[0] / linear[1] == pytest.approx(2.0, rel=0.08)  # sizes are multiples of 32
        along = view.view_from_image[:2, :2] @ (
            np.array([1.0, 0.0]) if direction == 0.0 else np.array([0.0, 1.0])
        )
        assert np.linalg.norm(along) == pytest.approx(linear[1], rel=0.05)


def test_views_of_narrow_images_have_both_sides():
    view = image_views.render([np.zeros((200, 8000), np.uint8)], ViewSpec())
    assert view.gray.shape == (64, 640)
    assert cv2.countNonZero(view.gray) == 0
