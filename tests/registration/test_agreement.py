"""Where aligned images agree: nowhere that something was put in, everywhere else."""

import numpy as np
import pytest
from helpers.warped_pairs import warped_pair

from keras_homography.registration import image_pyramid
from keras_homography.registration.agreement import map_agreement
from keras_homography.visualization import agreement_map


@pytest.fixture(scope="module")
def changed(images):
    """A pair, darker and with another tone in B, in which something was put: the map, and B."""
    a, b, a_from_b = warped_pair(images[0, ..., 0], 5, reach=12.0)
    b = np.clip(0.8 * b + 10, 0, 255).astype(np.uint8)
    b[40:90, 60:120] = images[1, 100:150, 100:160, 0]
    return map_agreement(image_pyramid.ImagePair(a, b), a_from_b), b


def test_what_was_put_in_disagrees_and_the_rest_agrees(changed):
    agreement, b = changed
    assert agreement.dtype == np.float32
    assert agreement.shape == b.shape
    there = np.zeros(b.shape, bool)
    there[36:94, 56:124] = True
    assert np.nanmean(agreement[44:86, 64:116]) < 0.5
    assert np.nanmean(agreement[~there]) > 0.85
    assert np.nanmin(agreement) >= 0
    assert np.nanmax(agreement) <= 1


def test_it_is_not_a_number_where_a_does_not_cover_b(images):
    a = images[0, ..., 0]
    shift = np.array([[1.0, 0, 100], [0, 1, 0], [0, 0, 1]])  # B is 100 pixels to the right
    agreement = map_agreement(image_pyramid.ImagePair(a, np.roll(a, -100, axis=1)), shift)
    assert np.isnan(agreement[:, 222:]).all()
    assert np.isfinite(agreement[:, :219]).all()
    assert agreement[:, :200].mean() > 0.95


def test_the_picture_is_red_where_the_images_disagree_and_gray_elsewhere(changed):
    agreement, b = changed
    drawn = agreement_map.draw(np.dstack([b] * 3), agreement).astype(int)
    red = drawn[..., 0] - drawn[..., 1]
    assert red[44:86, 64:116].mean() > 50
    assert np.abs(red[110:150, 20:220]).mean() < 30
    assert (red >= 0).all()
