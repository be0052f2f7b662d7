"""Image pyramids, and refinement on them against homographies that OpenCV warped with."""

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import corner_error, warped_pair

from keras_homography.geometry import arrays
from keras_homography.registration import image_pyramid, local_light


@pytest.fixture(scope="module")
def image(images):
    return images[0, ..., 0]


def refine(pair, a_from_b, steps=15):
    """Refine on all levels."""
    refined = pair.refine_to_comparison_level(a_from_b, steps)
    return pair.refine_to_full_resolution(refined, steps)


@pytest.mark.parametrize(
    ("size", "sides"),
    [
        ((16, 16), [16]),
        ((191, 191), [191]),
        ((192, 192), [192, 96]),
        ((2001, 500), [2001, 1000, 500]),
        ((3000, 4000), [4000, 2000, 1000, 500, 250]),
    ],
)
def test_images_are_halved_until_the_shorter_side_is_below_192_pixels(size, sides):
    pyramid = image_pyramid.build_pyramid(np.zeros(size, np.uint8))
    assert [max(gray.shape) for gray in pyramid] == sides


@pytest.mark.parametrize(
    ("size", "level"), [((100, 100), 0), ((240, 320), 0), ((240, 321), 1), ((2001, 500), 2)]
)
def test_images_are_compared_at_320_pixels_or_at_the_coarsest_level(size, level):
    pyramid = image_pyramid.build_pyramid(np.zeros(size, np.uint8))
    assert image_pyramid.comparison_level(pyramid) == level
    pair = image_pyramid.ImagePair(np.zeros([100, 100], np.uint8), np.zeros(size, np.uint8))
    assert pair.comparison_level == level
    assert pair.size_b == size[::-1]


@pytest.mark.parametrize("seed", range(4))
def test_refinement_finds_the_homography(image, seed):
    a, b, expected = warped_pair(image, seed, reach=4.0)
    refined = refine(image_pyramid.ImagePair(a, b), np.eye(3))
    assert corner_error(refined, expected, (240, 160)) < 0.02


def test_full_resolution_is_more_exact_than_the_comparison_level(image):
    large = cv2.resize(image, (1280, 960), interpolation=cv2.INTER_CUBIC)
    a, b, expected = warped_pair(large, 1, reach=10.0, size=(1000, 800))
    pair = image_pyramid.ImagePair(a, b)
    coarse = pair.refine_to_comparison_level(np.eye(3), 15)
    fine = pair.refine_to_full_resolution(coarse, 15)
    errors = [corner_error(matrix, expected, (1000, 800)) for matrix in (np.eye(3), coarse, fine)]
    assert errors[0] > 3.0 > 10 * errors[1]
    assert errors[2] < min(errors[1], 0.05)


def test_exposure_is_not_mistaken_for_motion(image):
    a, b, expected = warped_pair(image, 1, reach=3.0)
    darker = (255.0 * (b / 255.0) ** 1.3 * 0.8 + 10).astype(np.uint8)
    refined = refine(image_pyramid.ImagePair(a, darker), np.eye(3))
    assert corner_error(refined, expected, (240, 160)) < 0.1


def test_an_occluded_part_is_left_out(image, images):
    a, b, expected = warped_pair(image, 2, reach=1.0)
    b[40:120, 60:140] = images[1, :80, :80, 0]
    refined = refine(image_pyramid.ImagePair(a, b), np.eye(3), steps=20)
    assert corner_error(refined, expected, (240, 160)) < 0.1


@pytest.fixture(scope="module")
def half_occluded(images):
    """Three fifths of B show another image; both images and `a_from_b`."""
    a, b, expected = warped_pair(images[0, ..., 0], 5, reach=4.0)
    b[:, 96:] = images[1, : b.shape[0], : b.shape[1] - 96, 0]
    return image_pyramid.ImagePair(a, b), expected


def test_regions_find_the_homography_where_most_is_occluded(half_occluded):
    pair, expected = half_occluded
    start = expected @ np.array([[1, 0, 1.5], [0, 1, -1.0], [0, 0, 1]])
    all_pixels, regions = (
        pair.refine_to_comparison_level(start, 15, by_regions) for by_regions in (False, True)
    )
    assert corner_error(all_pixels, expected, (240, 160)) > 1.0
    assert corner_error(regions, expected, (240, 160)) < 0.1


def test_regions_tell_what_is_precise(half_occluded):
    pair, expected = half_occluded
    shares = [
        pair.compare(expected @ np.array([[1, 0, x], [0, 1, 0], [0, 0, 1]])).precise_share()
        for x in (0.0, 0.1, 1.0, 4.0)
    ]
    assert 0.1 < shares[0] < 0.4
    assert shares[1] > 0.05
    assert max(shares[2:]) < 0.03
    assert pair.compare(expected).left_out_share() > 0.15
    a, b, whole = warped_pair(pair.pyramid_a[0], 3, reach=4.0, size=(200, 130))
    unoccluded = image_pyramid.ImagePair(a, b).compare(whole)
    assert unoccluded.precise_share() > 0.9
    assert unoccluded.left_out_share() < 0.05


def test_levels_are_paired_where_they_have_as_many_pixels(image):
    a, b, a_from_b = warped_pair(image, 3, reach=2.0)
    large = cv2.resize(a, (960, 640), interpolation=cv2.INTER_CUBIC)
    large_from_a = arrays.resizing((240, 160), (960, 640))
    pair = image_pyramid.ImagePair(large, b)
    level, level_a_from_b = pair.at(large_from_a @ a_from_b, 0)
    assert arrays.image_size(level.gray_a) == (240, 160)
    np.testing.assert_allclose(level_a_from_b / level_a_from_b[2, 2], a_from_b, atol=1e-6)
    refined = refine(pair, large_from_a)
    assert corner_error(refined, large_from_a @ a_from_b, (240, 160)) < 0.2


def test_uniform_images_give_nothing_that_is_not_finite():
    gray = np.full([128, 128], 90, np.uint8)
    refined = image_pyramid.ImagePair(gray, gray).refine_to_comparison_level(np.eye(3), steps=5)
    assert refined is None or np.isfinite(refined).all()


def test_a_shadow_with_a_hard_edge_does_not_mislead(images):
    b_from_a = np.array([[1.02, 0.03, 5], [-0.02, 0.98, -4], [4e-5, 2e-5, 1]])
    image = cv2.resize(images[1, ..., 0], (480, 360), interpolation=cv2.INTER_CUBIC)
    moved = cv2.warpPerspective(image, b_from_a, (480, 360), borderMode=cv2.BORDER_REFLECT)
    moved[:, 220:] = np.round(0.3 * moved[:, 220:])
    pair = image_pyramid.ImagePair(image, moved)
    truth = np.linalg.inv(b_from_a)
    corners = arrays.corners(pair.size_b)

    def error(refined_pair):
        refined = refined_pair.refine_to_comparison_level(truth, 12)
        refined = refined_pair.refine_to_full_resolution(refined, 5)
        moved_corners = arrays.transform_points(refined, corners)
        return np.abs(moved_corners - arrays.transform_points(truth, corners)).max()

    without = pair.without_local_light
    assert error(without) < 0.5 < error(pair)
    assert without.disagreement(truth) < 0.5 < pair.disagreement(truth)


def test_local_light_is_removed():
    noise = np.random.default_rng(0).integers(60, 120, (60, 80), np.uint8)
    darker = np.round(0.5 * noise + 20).astype(np.uint8)
    same = local_light.remove_local_light(noise).astype(int)
    assert np.abs(same - local_light.remove_local_light(darker)).mean() < 6
    assert np.ptp(local_light.remove_local_light(np.full((40, 40), 90, np.uint8))) == 0
