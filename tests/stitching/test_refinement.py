"""Graphs, homographies and cameras from matched points alone."""

import cv2
import numpy as np
import pytest

from keras_homography.geometry import arrays
from keras_homography.stitching import (
    cameras,
    panorama,
    photo_graph,
    photos,
    planar_homographies,
    rotating_cameras,
    surfaces,
)
from keras_homography.stitching.photo_graph import Link
from keras_homography.utils.errors import UserError

SIZE = (400, 300)


def link(a, b, a_from_b, seed=0, noise=0.0):
    """A pair whose points agree with a homography, up to noise."""
    rng = np.random.default_rng(seed)
    points_b = rng.uniform([0, 0], SIZE, [40, 2])
    points_a = arrays.transform_points(a_from_b / a_from_b[2, 2], points_b)
    return Link(a, b, a_from_b, 0.9, points_a + rng.normal(0, noise, points_a.shape), points_b)


def matrices(count, seed=0):
    """`plane_from_photo` of photos that lie side by side."""
    rng = np.random.default_rng(seed)
    square = arrays.corners(SIZE).astype(np.float32)
    return [
        cv2.getPerspectiveTransform(
            square,
            (square + np.array([200 * i, 0]) + rng.uniform(-20, 20, [4, 2])).astype(np.float32),
        )
        for i in range(count)
    ]


def between(plane_from_photo, a, b):
    return np.linalg.inv(plane_from_photo[a]) @ plane_from_photo[b]


def test_the_largest_part_and_its_center():
    eye = np.eye(3)
    links = [link(a, b, eye) for a, b in [(0, 1), (1, 2), (2, 3), (3, 4), (1, 3), (7, 8)]]
    assert photo_graph.largest_component(links) == [0, 1, 2, 3, 4]
    tree = photo_graph.spanning_tree(links)
    assert len(tree) == 5  # four of five photos, one of two
    assert photo_graph.center([edge for edge in tree if edge.a < 7]) in (1, 3, 2)
    assert photo_graph.largest_component([]) == []


def test_homographies_compose_along_a_tree():
    plane = matrices(4)
    tree = [link(a, b, between(plane, a, b)) for a, b in [(1, 0), (1, 2), (3, 2)]]
    composed = photo_graph.compose(tree, 1)
    points = np.random.default_rng(1).uniform(0, 300, [9, 2])
    for index in range(4):
        expected = between(plane, 1, index)
        np.testing.assert_allclose(
            arrays.transform_points(composed[index], points),
            arrays.transform_points(expected / expected[2, 2], points),
            atol=1e-6,
        )


def test_refinement_uses_all_pairs_and_forgives_outliers():
    plane = matrices(4)
    pairs = [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3)]
    links = [link(a, b, between(plane, a, b), seed=a + 7 * b, noise=0.05) for a, b in pairs]
    for pair in links:
        pair.points_a[:8] += 150.0
    rng = np.random.default_rng(5)
    initial = {}
    for index in range(4):
        moved = between(plane, 1, index)
        moved = moved / moved[2, 2]
        moved[:2, 2] += rng.uniform(-4, 4, 2) * (index != 1)
        initial[index] = moved
    refined = planar_homographies.refine(links, initial, 1, dict.fromkeys(range(4), SIZE))
    corners = arrays.corners(SIZE)
    for index in range(4):
        expected = between(plane, 1, index)
        np.testing.assert_allclose(
            arrays.transform_points(refined[index], corners),
            arrays.transform_points(expected / expected[2, 2], corners),
            atol=1.0,
        )
    np.testing.assert_allclose(refined[1], np.eye(3), atol=1e-9)


def test_a_pair_that_contradicts_the_others_is_left_out():
    plane = matrices(4)
    pairs = [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3)]
    links = [link(a, b, between(plane, a, b)) for a, b in pairs]
    wrong = link(0, 3, between(plane, 0, 3) @ np.array([[1, 0, 90], [0, 1, 0], [0, 0, 1.0]]))
    gray = np.zeros(SIZE[::-1], np.uint8)
    everyone = [photos.Photo(str(i), "", SIZE, gray, gray) for i in range(4)]
    arrangement = panorama.arrange([wrong, *links], everyone, "planar")
    assert {(pair.a, pair.b) for pair in arrangement.links} == set(pairs)
    assert arrangement.members == [0, 1, 2, 3]
    assert arrangement.residual < 0.01
    assert panorama.arrange([], everyone, "planar") is None


def panning(count, degrees, focal):
    center = (199.5, 149.5)
    return [
        cameras.Camera(
            focal, center, cv2.Rodrigues(np.array([0.02 * i, np.deg2rad(degrees) * i, 0.03]))[0]
        )
        for i in range(count)
    ]


@pytest.mark.parametrize("focal", [250.0, 900.0])
def test_cameras_are_found_from_homographies(focal):
    truth = panning(6, 18.0, focal)
    pairs = [(i, i + 1) for i in range(5)] + [(0, 2), (3, 5)]
    links = [
        link(a, b, cameras.homography(truth[a], truth[b]), seed=a, noise=0.1) for a, b in pairs
    ]
    tree = photo_graph.spanning_tree(links)
    initial = rotating_cameras.initialize(tree, 2, dict.fromkeys(range(6), SIZE))
    refined = rotating_cameras.refine(links, initial, 2, dict.fromkeys(range(6), 0))
    assert refined[0].focal == pytest.approx(focal, rel=0.02)
    for a, b in pairs:
        expected, estimated = (cameras.homography(c[a], c[b]) for c in (truth, refined))
        points = arrays.transform_points(estimated / estimated[2, 2], links[0].points_b)
        np.testing.assert_allclose(
            points,
            arrays.transform_points(expected / expected[2, 2], links[0].points_b),
            atol=1.0,
        )
    # Leveling turns all axes alike: what lies between two photos stays.
    leveled = rotating_cameras.level(refined)
    np.testing.assert_allclose(
        cameras.homography(leveled[0], leveled[5]),
        cameras.homography(refined[0], refined[5]),
        rtol=1e-6,
        atol=1e-6,
    )


def test_a_field_too_wide_for_a_plane_is_named():
    truth = panning(6, 18.0, 250.0)
    links = [link(i, i + 1, cameras.homography(truth[i], truth[i + 1]), seed=i) for i in range(5)]
    gray = np.zeros(SIZE[::-1], np.uint8)
    everyone = [photos.Photo(f"{i}.jpg", "", SIZE, gray, gray) for i in range(6)]
    with pytest.raises(UserError, match=r"--projection=cylindrical"):
        panorama.arrange(links, everyone, "planar")
    arrangement = panorama.arrange(links, everyone, "cylindrical")
    assert arrangement.members == list(range(6))
    assert arrangement.residual < 0.1


def test_a_cylinder_shows_what_a_camera_saw():
    """Every pixel of a photo is found again where the formula of the README puts it."""
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.uniform(0, 255, [300, 400, 3]).astype(np.float32), (0, 0), 6)
    image = cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    camera = panning(2, 100.0, 350.0)[1]
    cylinder = surfaces.Cylinder({0: camera}, {0: SIZE}, 350.0)
    left, top, right, bottom = cylinder.bounds(0)
    canvas = surfaces.Canvas(
        1.0, (int(left), int(top)), (int(right - left) + 2, int(bottom - top) + 2)
    )
    drawn = cylinder.draw(0, image, np.eye(3), canvas)
    pixels = rng.uniform([20, 20], [380, 280], [50, 2])
    rays = np.column_stack([pixels, np.ones(50)]) @ np.linalg.inv(camera.matrix).T
    x, y, z = camera.rotation @ rays.T
    u = 350.0 * np.arctan2(x, z) - canvas.origin[0] - drawn.corner[0]
    v = 350.0 * y / np.hypot(x, z) - canvas.origin[1] - drawn.corner[1]
    seen = cv2.remap(drawn.image, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR)
    original = cv2.remap(image, *pixels.T.astype(np.float32), cv2.INTER_LINEAR)
    assert np.abs(seen.astype(int) - original.astype(int)).max() < 12
    assert (drawn.mask[v.astype(int), u.astype(int)] == 255).all()
