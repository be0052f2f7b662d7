"""The ratio test against NumPy, and fits that do not raise."""

import cv2
import numpy as np
import pytest

from keras_homography.geometry import arrays
from keras_homography.registration import feature_matching


@pytest.mark.parametrize("max_ratio", [0.6, 0.8, 1.0])
def test_matches_are_the_nearest_if_the_second_nearest_is_not_as_near(max_ratio):
    generator = np.random.default_rng(0)
    descriptors_a = generator.uniform(0, 100, [40, 4]).astype(np.float32)
    descriptors_b = generator.uniform(0, 100, [60, 4]).astype(np.float32)
    distances = np.linalg.norm(descriptors_b[:, None] - descriptors_a, axis=-1)
    nearest, second = np.sort(distances, axis=1)[:, :2].T
    expected = [(i, distances[i].argmin()) for i in np.flatnonzero(nearest < max_ratio * second)]
    matches = feature_matching.match_by_ratio(descriptors_b, descriptors_a, max_ratio)
    assert [(match.queryIdx, match.trainIdx) for match in matches] == expected
    assert 0 < len(matches) <= 60


def test_without_a_second_nearest_nothing_matches():
    one = np.ones([1, 4], np.float32)
    assert len(feature_matching.match_by_ratio(one, one)) == 0


def test_a_fit_is_opencvs_and_degenerate_points_give_none():
    generator = np.random.default_rng(0)
    matrix = np.array([[1.1, 0.1, 5], [-0.2, 0.9, 3], [1e-4, -2e-4, 1]])
    source = generator.uniform(0, 200, [30, 2]).astype(np.float32)
    target = cv2.perspectiveTransform(source[None], matrix)[0]
    for method in ((cv2.USAC_MAGSAC, 1.5), (cv2.UsacParams(),)):
        np.testing.assert_allclose(
            feature_matching.find_homography(source, target, *method), matrix, atol=1e-3
        )
        same = np.zeros([8, 2], np.float32)
        assert feature_matching.find_homography(same, same, *method) is None
    too_few = source[:3]  # for which OpenCV raises
    with pytest.raises(cv2.error):
        cv2.findHomography(too_few, too_few, cv2.RANSAC, 3.0)
    assert feature_matching.find_homography(too_few, too_few, cv2.RANSAC, 3.0) is None


def matches_of(number):
    """Matches of a random homography, of which some are wrong: `(source, target, matrix)`."""
    generator = np.random.default_rng(number)
    source = generator.uniform(0, 800, [int(generator.integers(20, 400)), 2])
    square = arrays.corners((800, 600)).astype(np.float32)
    moves = generator.uniform(-150, 150, [4, 2]).astype(np.float32)
    matrix = cv2.getPerspectiveTransform(square, square + moves)
    target = arrays.transform_points(matrix, source) + generator.normal(0, 0.7, source.shape)
    wrong = generator.random(len(source)) < generator.uniform(0.0, 0.6)
    target[wrong] = generator.uniform(0, 800, [wrong.sum(), 2])
    return source.astype(np.float32), target.astype(np.float32), matrix


def test_the_parameters_are_opencvs_magsac():
    """The same as by its flag, which takes its random numbers from a state of its own, too."""
    for number in range(20):
        source, target, _ = matches_of(number)
        expected, mask = cv2.findHomography(
            source, target, cv2.USAC_MAGSAC, 2.0, maxIters=10_000, confidence=0.9999
        )
        b_from_a, inliers = feature_matching.fit_homography(source, target, 2.0)
        np.testing.assert_array_equal(b_from_a, expected, err_msg=f"{number}")
        np.testing.assert_array_equal(inliers, mask.ravel() == 1)


def test_inliers_agree_with_the_homography():
    for number in range(10):
        source, target, matrix = matches_of(number)
        b_from_a, inliers = feature_matching.fit_homography(source, target, 3.0)
        errors = np.linalg.norm(arrays.transform_points(matrix, source) - target, axis=1)
        assert inliers.dtype == bool
        assert inliers[errors < 1.0].mean() > 0.95
        assert not inliers[errors > 12.0].any()
        middle = np.array([[400.0, 300.0]])
        np.testing.assert_allclose(
            arrays.transform_points(b_from_a, middle),
            arrays.transform_points(matrix, middle),
            atol=1.0,
        )


@pytest.mark.parametrize("count", [0, 3, 8])
def test_degenerate_points_fit_nothing(count):
    points = np.full([count, 2], 7.0, np.float32)
    b_from_a, inliers = feature_matching.fit_homography(points, points, 3.0)
    assert b_from_a is None
    assert inliers.shape == (count,)
    assert not inliers.any()
