"""Candidates: a control of what matches, against images that NumPy turns."""

import numpy as np

from keras_homography.geometry import arrays
from keras_homography.registration import image_pyramid, view_matching
from keras_homography.registration.candidate_refinement import CandidateRefinement


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
