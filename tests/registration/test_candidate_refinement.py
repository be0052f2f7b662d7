"""Candidates: a control of what matches, against images that NumPy turns."""

import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import image_pyramid, view_matching
from keras_homography.registration.candidate_refinement import (
    SUFFICIENT_CONFIDENCE,
    CandidateRefinement,
)


def turned_rival(matcher, image):
    """The rival of the identity, of an image and itself."""
    pair = image_pyramid.ImagePair(image, image)
    features_b = view_matching.ImageFeatures(matcher, pair.pyramid_b)
    refinement = CandidateRefinement(matcher, pair, features_b)
    best = refinement.refine_coarse("truth", np.eye(3))
    assert best.evidence.matches.agreeing > 50
    return refinement.find_turned_rival(best)


def test_a_scene_that_looks_the_same_upside_down_has_a_turned_rival(matcher, scenes):
    scene = scenes[0][:240, :320]
    symmetric = np.round((scene.astype(float) + scene[::-1, ::-1]) / 2).astype(np.uint8)
    rival = turned_rival(matcher, symmetric)
    corners = arrays.corners((320, 240)) - 0.5
    np.testing.assert_allclose(
        arrays.transform_points(rival, corners), np.array([319, 239]) - corners, atol=1e-9
    )


def test_another_scene_has_none(matcher, scenes):
    assert turned_rival(matcher, scenes[0][:240, :320]) is None


def as_another_sensor_sees_it(image):
    """Gray levels through a tone curve that rises and falls: no light makes them those of A."""
    return np.round(127.5 + 127.5 * np.sin(image / 255.0 * 3.0 * np.pi)).astype(np.uint8)


def test_matches_of_the_largest_view_correct_what_gray_levels_cannot(matcher, scenes):
    image = scenes[0][:480, :640]
    pair = image_pyramid.ImagePair(image, as_another_sensor_sees_it(image))
    features_b = view_matching.ImageFeatures(matcher, pair.pyramid_b)
    refinement = CandidateRefinement(matcher, pair, features_b)
    off = np.array([[1, 0, 6], [0, 1, -5], [0, 0, 1.0]])
    coarse = refinement.refine_coarse("near the truth", off)
    assert not coarse.is_refined_by_gray
    fine = refinement.refine_fine(coarse)
    corners = arrays.corners((640, 480))

    def error(candidate):
        moved = arrays.transform_points(candidate.a_from_b, corners)
        return np.linalg.norm(moved - corners, axis=1).mean()

    assert error(fine) <= min(error(coarse), 1.0)
    assert fine.evidence.fine_matches.agreeing > fine.evidence.matches.agreeing


def test_what_gray_levels_make_certain_needs_no_matches_of_the_largest_view(matcher, scenes):
    image = scenes[0][:240, :320]
    pair = image_pyramid.ImagePair(image, image)
    features_b = view_matching.ImageFeatures(matcher, pair.pyramid_b)
    refinement = CandidateRefinement(matcher, pair, features_b)
    best = refinement.refine_fine(refinement.refine_coarse("truth", np.eye(3)))
    assert best.probability > SUFFICIENT_CONFIDENCE
    assert best.evidence.fine_matches is None
