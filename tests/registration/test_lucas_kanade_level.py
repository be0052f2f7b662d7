"""The pixels at which two images of a level are compared."""

import numpy as np
import scipy.signal

from keras_homography.registration import lucas_kanade_level


def test_the_strongest_point_of_a_block_is_the_edge():
    gray = np.zeros([200, 200], np.uint8)
    gray[:, 100:] = 200
    points = lucas_kanade_level.strongest_points(gray).reshape(-1, 2)
    assert len(points) <= lucas_kanade_level.MAX_POINTS
    near_edge = points[(points[:, 0] >= 99) & (points[:, 0] <= 100)]
    assert len(near_edge) >= 90  # one a block along the edge


def test_at_most_so_many_points_whatever_the_size():
    gray = np.random.default_rng(0).integers(0, 255, [1500, 2100], np.uint8)
    points = lucas_kanade_level.strongest_points(gray).reshape(-1, 2)
    assert 0.8 * lucas_kanade_level.MAX_POINTS < len(points) <= lucas_kanade_level.MAX_POINTS
    assert (points.max(axis=0) < [2098, 1498]).all()


def test_sums_around_points_are_those_of_the_points_that_count():
    random = np.random.default_rng(0)
    gray = random.integers(0, 255, [64, 80], np.uint8)
    rows, columns = lucas_kanade_level.strongest_points(gray).shape[:2]
    values = random.uniform(0, 1, rows * columns).astype(np.float32)
    expected = scipy.signal.convolve2d(values.reshape(rows, columns), np.ones([7, 7]), "same")
    level = lucas_kanade_level.Level(gray, gray)
    np.testing.assert_allclose(level.sum_around(values), expected.ravel(), rtol=1e-5)

    mask = np.ones(gray.shape, bool)
    mask[:, 30:] = False
    masked = lucas_kanade_level.Level(gray, gray, mask_b=mask)
    counts = masked.sum_around(np.ones_like(masked.x))
    assert len(counts) < 0.5 * len(values)
    assert counts.max() == 49
    assert counts.min() < 25
