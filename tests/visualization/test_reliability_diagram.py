"""Reliability diagrams: what is calibrated lies on the diagonal."""

import numpy as np

from keras_homography.visualization import reliability_diagram


def marked(bins):
    """Rows and columns of the blue line of a diagram."""
    image = reliability_diagram.draw(bins).astype(int)
    return np.nonzero(image[:, 90:, 2] - image[:, 90:, 0] > 100)


def test_overconfident_estimates_lie_below_calibrated_ones():
    calibrated, _ = marked([(9, 0.2, 0.2), (9, 0.9, 0.9)])
    overconfident, _ = marked([(9, 0.2, 0.05), (9, 0.9, 0.5)])
    assert np.median(overconfident) > np.median(calibrated) + 20  # rows count from the top


def test_points_lie_at_their_confidence():
    _, low = marked([(9, 0.2, 0.5), (9, 0.3, 0.5)])
    _, high = marked([(9, 0.8, 0.5), (9, 0.9, 0.5)])
    assert np.median(high) > np.median(low) + 100
