"""Evidence for a homography: windows that agree, parts that match elsewhere, plausible cameras."""

import numpy as np
import pytest
from helpers.warped_pairs import warped_pair

from keras_homography.registration import alignment_evidence, image_pyramid
from keras_homography.registration.evidence import Evidence


@pytest.fixture(scope="module")
def image(images):
    return images[0, ..., 0]


def translation(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def displaced_share(a, b):
    pair = image_pyramid.ImagePair(a, b)
    return alignment_evidence.measure_displaced_matches(pair, np.eye(3))


def test_an_image_agrees_with_itself_everywhere(image):
    pair = image_pyramid.ImagePair(image, image)
    evidence = alignment_evidence.measure_evidence(pair, np.eye(3))
    assert evidence.overlap == 1.0
    assert evidence.agreeing == evidence.windows > 100
    assert evidence.spread > 0.9
    assert evidence.disagreement < 0.5
    assert evidence.displaced == 0.0


def test_the_right_homography_has_more_evidence_than_a_wrong_one(image):
    a, b, a_from_b = warped_pair(image, 3, reach=15.0)
    pair = image_pyramid.ImagePair(a, b)
    right = alignment_evidence.measure_evidence(pair, a_from_b)
    wrong = alignment_evidence.measure_evidence(pair, a_from_b @ translation(8, 5))
    assert right.score > 4 * wrong.score
    assert right.share > 0.9
    assert right.disagreement < wrong.disagreement


def test_overlap_is_the_share_of_b_that_a_covers(image):
    pair = image_pyramid.ImagePair(image, image)
    evidence = alignment_evidence.measure_evidence(pair, translation(160, 0))
    assert evidence.overlap == pytest.approx(0.5, abs=0.01)


def test_exposure_does_not_count_against_a_homography(image):
    a, b, a_from_b = warped_pair(image, 3, reach=15.0)
    darker = (0.6 * b + 20).astype(np.uint8)
    expected = alignment_evidence.measure_evidence(image_pyramid.ImagePair(a, b), a_from_b)
    evidence = alignment_evidence.measure_evidence(image_pyramid.ImagePair(a, darker), a_from_b)
    assert evidence.agreeing > 0.9 * expected.agreeing


def test_none_and_the_implausible_have_no_evidence(image):
    pair = image_pyramid.ImagePair(image, image)
    for matrix in (None, np.diag([-1.0, 1.0, 1.0]), np.full([3, 3], np.nan)):
        evidence = alignment_evidence.measure_evidence(pair, matrix)
        assert evidence is alignment_evidence.NO_EVIDENCE
        assert evidence.score == 0.0


def test_few_agreeing_windows_count_less_than_as_large_a_share_of_many():
    few, many = Evidence(1.0, 4, 4, 0.1, 0.5), Evidence(1.0, 100, 100, 0.9, 0.5)
    assert few.share < 0.6 < 0.9 < many.share < 1.0


def test_nothing_is_displaced_where_the_homography_is_right(image):
    a, b, a_from_b = warped_pair(image, 3, reach=15.0)
    pair = image_pyramid.ImagePair(a, b)
    assert alignment_evidence.measure_displaced_matches(pair, a_from_b) == 0.0


def test_what_moved_by_itself_is_displaced(image):
    shifted = np.roll(image, 6, axis=1)
    assert displaced_share(image, shifted) > 0.9
    half = np.vstack([image[:120], shifted[120:]])
    assert 0.3 < displaced_share(image, half) < 0.7


def test_up_to_two_pixels_are_no_displacement(image):
    assert displaced_share(image, np.roll(image, 2, axis=1)) == 0.0


def test_what_is_not_in_a_or_out_of_reach_is_not_displaced(image, images):
    assert displaced_share(image, images[1, ..., 0]) < 0.1
    assert displaced_share(image, np.roll(image, 40, axis=1)) < 0.1


def test_too_few_parts_give_no_verdict(image):
    a = np.ascontiguousarray(image[:80, :80])
    assert displaced_share(a, np.roll(a, 6, axis=1)) == 0.0
    uniform = np.full_like(image, 100)
    assert displaced_share(uniform, uniform) == 0.0


def test_texture_is_counted_by_windows(image):
    assert alignment_evidence.textured_share(np.full([96, 96], 90, np.uint8)) == 0.0
    noise = np.random.default_rng(0).integers(0, 255, [96, 96], np.uint8)
    assert alignment_evidence.textured_share(noise) == 1.0
    noise[:48] = 90
    assert alignment_evidence.textured_share(noise) == 0.5
    assert alignment_evidence.textured_share(noise[:11]) == 0.0


@pytest.mark.parametrize(
    "matrix",
    [
        np.diag([-1.0, 1.0, 1.0]),  # mirrored
        np.diag([50.0, 50.0, 1.0]),  # enormous
        np.diag([0.02, 0.02, 1.0]),  # tiny
        np.diag([9.0, 0.3, 1.0]),  # stretched
        np.array([[1, 0, 0], [0, 1, 0], [0.02, 0, 1.0]]),  # nearly through the camera
        np.diag([1.0, 1.0, -1.0]),  # behind it
        np.array([[1, 0, 300], [0, 1, 0], [0, 0, 1.0]]),  # nothing in common
        np.full([3, 3], np.nan),
    ],
)
def test_what_no_camera_sees_is_not_plausible(matrix):
    assert alignment_evidence.is_plausible(np.eye(3), (200, 200), (200, 200))
    assert not alignment_evidence.is_plausible(matrix, (200, 200), (200, 200))


def test_only_what_both_show_is_judged():
    """A part of B that A does not show may lie behind the camera, or be enlarged beyond bounds."""
    matrix = np.array([[1, 0, 0], [0, 1, 0], [-0.006, 0, 1.0]])
    depth = matrix[2] @ np.array([200.0, 0.0, 1.0])
    assert depth < 0.0
    assert alignment_evidence.is_plausible(matrix, (200, 200), (200, 200))
    assert not alignment_evidence.is_plausible(matrix, (20_000, 200), (200, 200))


def test_scale_is_relative_to_the_sizes_of_the_images():
    matrix = np.diag([20.0, 20.0, 1.0])
    assert not alignment_evidence.is_plausible(matrix, (200, 200), (200, 200))
    assert alignment_evidence.is_plausible(matrix, (4000, 4000), (200, 200))


@pytest.mark.parametrize("degrees", [0, 30, 60, 75])
def test_the_stretch_is_that_of_a_plane_turned_away(degrees):
    # From far away: a plane turned about the vertical becomes narrower by the cosine.
    turned = np.diag([np.cos(np.radians(degrees)), 1.0, 1.0])
    stretch = alignment_evidence.measure_stretch(turned, (200, 200), (200, 200))
    assert stretch == pytest.approx(1.0 / np.cos(np.radians(degrees)))
