"""The pixels at which two images of a level are compared."""

import numpy as np

from keras_homography.registration import lucas_kanade_level


def test_the_strongest_point_of_a_block_is_the_edge():
    gray = np.zeros([200, 200], np.uint8)
    gray[:, 100:] = 200
    points = lucas_kanade_level.strongest_points(gray)
    assert len(points) <= lucas_kanade_level.MAX_POINTS
    near_edge = points[(points[:, 0] >= 99) & (points[:, 0] <= 100)]
    assert len(near_edge) >= 90  # one a block along the edge


def test_at_most_so_many_points_whatever_the_size():
    gray = np.random.default_rng(0).integers(0, 255, [1500, 2100], np.uint8)
    points = lucas_kanade_level.strongest_points(gray)
    assert 0.8 * lucas_kanade_level.MAX_POINTS < len(points) <= lucas_kanade_level.MAX_POINTS
    assert (points.max(axis=0) < [2098, 1498]).all()
