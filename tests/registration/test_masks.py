"""What is masked takes no part: whatever it shows, the answer is the same, and right."""

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import corner_error, warped_pair

from keras_homography.geometry import arrays
from keras_homography.registration import image_pyramid, image_views, masks
from keras_homography.registration.alignment_evidence import measure_evidence
from keras_homography.registration.image_views import ViewSpec
from keras_homography.utils.errors import UserError

SIZE = 240, 160


@pytest.fixture(scope="module")
def overlaid(images):
    """A pair in which the same picture, 40 % of each, stands still before a moving scene."""
    a, b, a_from_b = warped_pair(images[0, ..., 0], 5, reach=20.0)
    counts = np.ones([160, 240], bool)
    counts[30:130, 40:200] = False
    overlay = images[1, :160, :240, 0]
    return np.where(counts, a, overlay), np.where(counts, b, overlay), counts, a_from_b


def test_an_overlay_is_left_out(estimator, overlaid):
    a, b, counts, a_from_b = overlaid
    unmasked = estimator.estimate(a, b)
    assert not unmasked or corner_error(unmasked.a_from_b, a_from_b, SIZE) > 3.0
    result = estimator.estimate(a, b, mask_a=counts, mask_b=np.uint8(255) * counts, agreement=True)
    assert result, result.reason
    assert corner_error(result.a_from_b, a_from_b, SIZE) < 0.2
    assert result.covariance is not None
    assert np.isnan(result.agreement[~counts]).all()


def test_what_is_masked_changes_nothing(estimator, overlaid):
    a, b, counts, _ = overlaid
    expected = estimator.estimate(a, b, mask_a=counts, mask_b=counts)
    noise = np.random.default_rng(0).integers(0, 256, a.shape, np.uint8)
    other_a, other_b = np.where(counts, a, noise), np.where(counts, b, 255 - noise)
    result = estimator.estimate(other_a, other_b, mask_a=counts, mask_b=counts)
    np.testing.assert_array_equal(result.best_a_from_b, expected.best_a_from_b)
    np.testing.assert_array_equal(result.covariance, expected.covariance)
    assert result.evidence == expected.evidence


def test_points_are_matched_where_both_images_count(estimator, overlaid):
    a, b, counts, a_from_b = overlaid
    points = estimator.match(a, b, mask_a=counts, mask_b=counts)
    cells = np.round(points.points_a).astype(int)
    assert counts[cells[:, 1], cells[:, 0]].all()
    moved = arrays.transform_points(a_from_b, points.points_b[points.inliers])
    assert points.inliers.sum() > 20
    assert np.median(np.linalg.norm(moved - points.points_a[points.inliers], axis=1)) < 3.0


def test_a_mask_of_everything_is_no_mask(estimator, images):
    a, b, _ = warped_pair(images[2, ..., 0], 3, reach=8.0)
    masked = estimator.estimate(a, b, mask_a=np.ones_like(a), mask_b=np.ones(a.shape, bool))
    np.testing.assert_array_equal(masked.a_from_b, estimator.estimate(a, b).a_from_b)


def test_no_window_counts_that_is_masked(overlaid):
    a, b, counts, a_from_b = overlaid
    masked = measure_evidence(image_pyramid.ImagePair(a, b, counts, counts), a_from_b)
    free = measure_evidence(image_pyramid.ImagePair(a, b), a_from_b)
    assert masked.agreeing > 0.9 * masked.windows
    assert masked.windows < 0.65 * free.windows
    # Of what counts of B.
    seen = cv2.warpPerspective(counts.astype(np.float32), np.linalg.inv(a_from_b), SIZE) == 1.0
    assert masked.overlap == pytest.approx((seen & counts).sum() / counts.sum(), abs=0.01)


@pytest.mark.parametrize("spec", [ViewSpec(), ViewSpec(quarter_turns=1), ViewSpec(tilt=2.0)])
def test_cells_of_views_that_show_anything_masked_are_not_covered(spec):
    mask = np.ones([192, 256], bool)
    mask[96:, 64:] = False
    pyramid = image_pyramid.build_pyramid(np.where(mask, 0, 255).astype(np.uint8))
    view = image_views.cover(image_views.render(pyramid, spec), spec, [mask, mask[::2, ::2]])
    shown = view.gray.reshape(view.covered.shape[0], 8, -1, 8).max(axis=(1, 3))
    assert (shown[view.covered] == 0).all()
    assert 0.3 < view.covered.mean() < 0.65


def test_the_fill_continues_what_is_around():
    ramp = np.tile(np.arange(0, 240, dtype=np.uint8), (160, 1))
    mask = np.ones(ramp.shape, bool)
    mask[60:100, 100:140] = False
    filled = masks.fill(np.where(mask, ramp, 255), mask)
    np.testing.assert_array_equal(filled[mask], ramp[mask])
    assert np.abs(filled.astype(int) - ramp)[~mask].max() < 25


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (np.zeros([160, 240], bool), "mask_b is 0 everywhere"),
        (np.ones([240, 160], bool), r"mask_b has the shape \(240, 160\)"),
        (np.ones([160, 240, 3], np.uint8), "must be that of its image"),
        (np.ones([160, 240]), "mask_b is of type float64; a mask is bool or uint8"),
        ([[True], [True, False]], "rows of several lengths"),
    ],
)
def test_a_wrong_mask_is_told_what_a_mask_is(estimator, images, mask, says):
    image = images[0, :160, :240, 0]
    with pytest.raises(UserError, match=says):
        estimator.estimate(image, image, mask_b=mask)
