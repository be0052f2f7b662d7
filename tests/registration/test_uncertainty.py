"""The covariance of the corners of B in A: against rendered truth, and what must not change it."""

import numpy as np
import pytest
from helpers.warped_pairs import warped_pair

from keras_homography.geometry import arrays
from keras_homography.registration import image_pyramid, uncertainty
from keras_homography.registration.candidate import NO_CANDIDATE, Candidate
from keras_homography.registration.evidence import Evidence

SIZE = 240, 160
GRAY_AGREES = Evidence(1.0, 100, 100, 1.0, 0.1)


def refined(a, b, a_from_b):
    """A candidate refined from the truth by gray levels, and its covariance."""
    pair = image_pyramid.ImagePair(a, b)
    matrix = pair.refine(a_from_b, range(pair.comparison_level, -1, -1), 15)
    candidate = Candidate("truth", matrix, GRAY_AGREES)
    return matrix, uncertainty.corner_covariance(pair, candidate)


def corners_in_a(a_from_b):
    return arrays.transform_points(a_from_b, arrays.corners(SIZE)).ravel()


def noisy(image, sigma, seed):
    noise = np.random.default_rng(seed).normal(0.0, sigma, image.shape)
    return np.clip(np.round(image + noise), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("sigma", [0.0, 6.0])
def test_errors_are_as_large_as_the_covariance_says(images, sigma):
    squares = []
    for number in range(60):
        a, b, truth = warped_pair(images[number % 4, ..., 0], number, reach=12.0)
        a, b = noisy(a, sigma, 2 * number), noisy(b, sigma, 2 * number + 1)
        matrix, covariance = refined(a, b, truth)
        error = corners_in_a(matrix) - corners_in_a(truth)
        squares.append(error @ np.linalg.solve(covariance, error))
    assert 0.4 < np.mean(squares) / 8 < 1.6  # 1 by chi-square


def test_more_noise_and_less_texture_are_less_certain(images):
    a, b, truth = warped_pair(images[0, ..., 0], 3, reach=12.0)
    clean = np.trace(refined(a, b, truth)[1])
    assert np.trace(refined(noisy(a, 6, 0), noisy(b, 6, 1), truth)[1]) > 4 * clean
    a, b = a.copy(), b.copy()
    a[:, :120], b[:, :120] = 128, 128
    one_half = refined(a, b, truth)[1]
    assert np.trace(one_half) > 2 * clean
    left = [0, 1, 6, 7]  # corners of the half without texture
    assert np.diag(one_half)[left].mean() > 4 * np.diag(one_half)[2:6].mean()


def test_it_is_a_covariance_and_follows_a_change_of_scale(images):
    a, b, truth = warped_pair(images[1, ..., 0], 4, reach=12.0)
    matrix, covariance = refined(a, b, truth)
    np.testing.assert_allclose(covariance, covariance.T, rtol=1e-9)
    assert np.linalg.eigvalsh(covariance).min() > 0
    # How the corners move with a step, by differences.
    pixel_from_unit = np.array([[120.0, 0, 119.5], [0, 120, 79.5], [0, 0, 1]])
    numeric = np.empty([8, 8])
    for k in range(8):
        step = np.zeros(9)
        step[k] = 1e-6
        moved = pixel_from_unit @ (np.eye(3) + step.reshape(3, 3)) @ np.linalg.inv(pixel_from_unit)
        numeric[:, k] = (corners_in_a(matrix @ moved) - corners_in_a(matrix)) / 1e-6
    jacobian = uncertainty._corners_of_step(matrix, np.linalg.inv(pixel_from_unit), SIZE)
    np.testing.assert_allclose(jacobian, numeric, rtol=1e-3, atol=1e-2)


def test_there_is_none_without_a_homography(images):
    pair = image_pyramid.ImagePair(images[0, ..., 0], images[1, ..., 0])
    assert uncertainty.corner_covariance(pair, NO_CANDIDATE) is None
