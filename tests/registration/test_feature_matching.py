"""The ratio test against NumPy, and fits that do not raise."""

import cv2
import numpy as np
import pytest

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
