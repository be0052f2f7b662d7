"""Several planes of one scene: rendered floors, walls and posters, whose homographies are known."""

import numpy as np
import pytest
from helpers.rendered_scenes import look, rectangle, render_pair
from helpers.warped_pairs import corner_error, warped_pair

from keras_homography.geometry import arrays
from keras_homography.utils.errors import UserError

SIZE = 320, 240


@pytest.fixture(scope="module")
def floor_and_wall(scenes):
    """A wall over a floor, each half of the image."""
    wall = scenes[0], rectangle([-5, -4, 5], [10, 0, 0], [0, 5, 0])
    floor = scenes[1], rectangle([-5, 1, 5], [10, 0, 0], [0, 0, -4.2])
    cameras = look([-0.4, -0.3, 0], [0, 0.9, 5], SIZE), look([0.4, -0.2, 0.3], [0, 0.9, 5], SIZE)
    return render_pair([wall, floor], *cameras, SIZE)


@pytest.fixture(scope="module")
def poster(scenes):
    """A poster before a wall, a quarter of the image."""
    wall = scenes[0], rectangle([-5, -4, 6], [10, 0, 0], [0, 8, 0])
    front = scenes[1], rectangle([-0.9, -0.7, 3.5], [1.8, 0, 0], [0, 1.4, 0])
    cameras = look([-0.3, -0.1, 0], [0, 0, 5], SIZE), look([0.3, 0.1, 0.2], [0.1, 0, 5], SIZE)
    return render_pair([wall, front], *cameras, SIZE)


@pytest.fixture(scope="module")
def two_posters(scenes):
    """Side by side, one farther away: refused as a whole, or a compromise between both."""
    near = scenes[0], rectangle([-2.4, -1.6, 3.2], [2.3, 0, 0], [0, 3.2, 0])
    far = scenes[1], rectangle([0.1, -2.2, 5.2], [3.2, 0, 0], [0, 4.4, 0])
    cameras = look([-0.2, -0.1, 0], [-0.1, 0, 4], SIZE), look([0.2, 0.1, 0.2], [0, 0, 4], SIZE)
    return render_pair([near, far], *cameras, SIZE)


def compare(plane, homographies, regions):
    """The number of the true plane, the largest error in its region, and how regions overlap."""
    overlaps = [(plane.region & r).sum() / (plane.region | r).sum() for r in regions]
    number = int(np.argmax(overlaps))
    points = np.argwhere(regions[number])[:, ::-1].astype(np.float64)
    moved = arrays.transform_points(plane.a_from_b, points)
    expected = arrays.transform_points(homographies[number], points)
    return number, np.linalg.norm(moved - expected, axis=1).max(), overlaps[number]


@pytest.mark.parametrize("scene", ["floor_and_wall", "poster", "two_posters"])
def test_each_plane_is_found_with_its_region(estimator, scene, request):
    a, b, homographies, regions = request.getfixturevalue(scene)
    planes = estimator.estimate_planes(a, b)
    assert len(planes) == 2
    assert planes
    assert planes.reason is None
    found = [compare(plane, homographies, regions) for plane in planes]
    assert sorted(number for number, _, _ in found) == [0, 1]
    for plane, (_, error, overlap) in zip(planes, found, strict=True):
        assert plane.ok
        assert plane.region.dtype == bool
        assert error < 1.0
        assert overlap > 0.85
        assert plane.covariance is not None
    assert planes[0].region.sum() >= planes[1].region.sum()
    assert not (planes[0].region & planes[1].region).any()


def test_what_is_refused_as_a_whole_has_planes(estimator, two_posters):
    whole = estimator.estimate(*two_posters[:2])
    assert whole.reason_code == "not_one_plane"


def test_without_a_plane_there_is_a_reason(estimator, scenes):
    planes = estimator.estimate_planes(scenes[0][:240, :320], scenes[1][:240, :320])
    assert not planes
    assert len(planes) == 0
    assert planes.reason
    assert planes.reason_code == "not_the_same_scene"


def test_one_plane_is_one_region_within_the_mask(estimator, images):
    a, b, a_from_b = warped_pair(images[0, ..., 0], 5, reach=12.0)
    counts = np.ones(b.shape, bool)
    counts[:, 150:] = False
    (plane,) = estimator.estimate_planes(a, b, mask_b=counts)
    assert corner_error(plane.a_from_b, a_from_b, arrays.image_size(b)) < 0.3
    assert not plane.region[~counts].any()
    assert plane.region.sum() > 0.8 * counts.sum()


def test_a_wrong_number_of_planes_is_told(estimator, images):
    with pytest.raises(UserError, match="max_planes must be at least 1; got 0"):
        estimator.estimate_planes(images[0], images[0], max_planes=0)
