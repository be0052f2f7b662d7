"""Evidence of matches after alignment, on images that OpenCV warped."""

import itertools

import numpy as np
import pytest
from helpers.warped_pairs import warped_pair

from keras_homography.evaluation import trap_scenes
from keras_homography.geometry import arrays
from keras_homography.registration import dense_matching, image_pyramid, image_views
from keras_homography.registration.evidence import NO_MATCHES, MatchEvidence
from keras_homography.registration.match_evidence import AlignedMatcher, AlignedMatches

SIZE = (640, 480)  # of images of which a view, as the comparison level, is half as large


def translation(x, y):
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def mean_error(a_from_b, expected, size=SIZE):
    """Mean over a grid of B of the distance in A, pixels."""
    x, y = (np.linspace(0, side, 9) for side in size)
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    moved = arrays.transform_points(a_from_b, grid) - arrays.transform_points(expected, grid)
    return np.linalg.norm(moved, axis=1).mean()


@pytest.fixture(scope="module")
def warped(matcher, scenes):
    """The matcher of a warped image, and the homography."""
    a, b, a_from_b = warped_pair(scenes[0], 3, reach=40.0, size=SIZE)
    return AlignedMatcher(matcher, image_pyramid.ImagePair(a, b)), a_from_b


@pytest.fixture(scope="module")
def itself(matcher, scenes):
    """The matcher of an image and itself."""
    image = np.ascontiguousarray(scenes[0][:480, :640])
    return AlignedMatcher(matcher, image_pyramid.ImagePair(image, image))


def test_nearly_all_matches_agree_at_the_truth(warped):
    aligned_matcher, a_from_b = warped
    evidence = aligned_matcher.match(a_from_b).evidence()
    assert evidence.matches > 400
    assert evidence.agreeing > 0.95 * evidence.matches
    assert evidence.residual < 1.5
    assert 0.7 < evidence.spread <= 1.0
    assert 100 < evidence.inner_matches < 0.6 * evidence.matches
    assert evidence.inner_agreeing > 0.95 * evidence.inner_matches


@pytest.mark.parametrize("offset", [(24, 0), (0, -24)])  # 12 pixels of the view
def test_hardly_any_agree_twelve_pixels_off(warped, offset):
    aligned_matcher, a_from_b = warped
    right = aligned_matcher.match(a_from_b).evidence()
    wrong = aligned_matcher.match(a_from_b @ translation(*offset)).evidence()
    assert wrong.agreeing < 0.1 * wrong.matches
    assert wrong.score < 0.02 * right.score


@pytest.mark.parametrize("offset", [(-8, 6), (6, 8), (10, 0), (0, -6)])
def test_three_to_five_pixels_are_corrected(warped, offset):
    aligned_matcher, a_from_b = warped
    wrong = a_from_b @ translation(*offset)
    assert 2.5 < mean_error(wrong, a_from_b) / 2.0 < 6.0  # pixels of the comparison level
    corrected = aligned_matcher.match(wrong).correction()
    assert corrected[2, 2] == 1.0
    assert mean_error(corrected, a_from_b) / 2.0 < 1.0


def test_what_is_right_is_left_in_place(warped):
    aligned_matcher, a_from_b = warped
    corrected = aligned_matcher.match(a_from_b).correction()
    assert mean_error(corrected, a_from_b) / 2.0 < 0.6


def test_a_finer_view_corrects_finer(warped):
    aligned_matcher, a_from_b = warped
    corrected = aligned_matcher.match_finely(a_from_b @ translation(3, -2)).correction()
    assert mean_error(corrected, a_from_b) < 1.0


def test_what_is_far_off_is_not_corrected(warped):
    aligned_matcher, a_from_b = warped
    assert aligned_matcher.match(a_from_b @ translation(110, 60)).correction() is None


@pytest.mark.parametrize("offset", [(640, 0), (-660, 0), (5000, 5000)])
def test_images_without_overlap_have_no_matches(itself, offset):
    aligned = itself.match(translation(*offset))
    assert aligned.evidence() == NO_MATCHES
    assert aligned.evidence().score == 0.0
    assert aligned.correction() is None


def test_only_what_a_covers_is_matched(matcher, scenes):
    """A lies on the left three quarters of B."""
    a, b = (np.ascontiguousarray(scenes[0][:480, left : left + 640]) for left in (0, 160))
    aligned = AlignedMatcher(matcher, image_pyramid.ImagePair(a, b)).match(translation(160, 0))
    evidence = aligned.evidence()
    assert evidence.matches > 300
    assert aligned.matches.points_a[:, 0].max() < 240
    assert evidence.agreeing > 0.9 * evidence.matches
    assert 0.5 < evidence.spread < 0.75


def test_scenes_in_one_frame_agree_in_the_frame_alone(matcher, scenes):
    worlds = itertools.cycle(
        np.ascontiguousarray(scene[: trap_scenes.WORLD_HEIGHT, : trap_scenes.WORLD_WIDTH])
        for scene in scenes
    )
    a, b, _ = trap_scenes.framed(np.random.default_rng(0), worlds)
    shares = []
    for image_a, image_b in ((a, a), (a, b)):
        pair = image_pyramid.ImagePair(image_a, image_b)
        evidence = AlignedMatcher(matcher, pair).match(np.eye(3)).evidence()
        assert evidence.agreeing > 50
        shares.append(evidence.inner_agreeing / evidence.inner_matches)
    assert shares[0] > 0.95
    assert shares[1] < 0.3


def test_features_of_b_are_computed_once_for_each_view(matcher, scenes):
    calls = []

    def counting(image):
        calls.append(image.shape)
        return matcher(image)

    image = np.ascontiguousarray(scenes[0][:240, :320])
    aligned_matcher = AlignedMatcher(counting, image_pyramid.ImagePair(image, image))
    for _ in range(3):
        aligned_matcher.match(np.eye(3))
    assert len(calls) == 4
    aligned_matcher.match_finely(np.eye(3))
    assert len(calls) == 6
    assert len(set(calls)) == 2


def test_counts_are_those_of_the_displacements():
    """Eight matches of known displacement: those below six pixels agree."""
    displacements = np.array([0.0, 1.0, 2.0, 5.0, 5.9, 6.1, 9.0, 40.0], np.float32)
    points_a = np.array(
        [[4, 4], [60, 4], [60, 60], [4, 60], [30, 30], [9, 9], [50, 9], [9, 50]], np.float32
    )
    points_b = points_a + displacements[:, None] * np.array([[0.6, 0.8]], np.float32)
    view = image_views.View(np.zeros([64, 64], np.uint8), np.eye(3))
    matches = dense_matching.Matches(points_a, points_b, np.ones(8, np.float32))
    inner = np.array([0, 0, 1, 0, 1, 1, 0, 1], bool)
    evidence = AlignedMatches(np.eye(3), view, matches, inner).evidence()
    assert evidence == MatchEvidence(
        matches=8,
        agreeing=5,
        spread=pytest.approx(56 * 56 / 64**2),
        residual=pytest.approx(2.0, abs=1e-5),
        inner_matches=4,
        inner_agreeing=2,
    )


def test_few_agreeing_matches_count_less_than_as_large_a_share_of_many():
    few, many = MatchEvidence(8, 8, 0.1, 0.5), MatchEvidence(200, 200, 0.9, 0.5)
    assert few.share < 0.6 < 0.9 < many.share < 1.0
    assert few.score < many.score
