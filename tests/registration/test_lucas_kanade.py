"""The NumPy form of Lucas–Kanade: parity with the Keras form, exposure, and divergence."""

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import corner_error, warped_pair

from keras_homography import geometry
from keras_homography.geometry import arrays
from keras_homography.layers import lucas_kanade as keras_form
from keras_homography.layers import lucas_kanade_level as keras_level
from keras_homography.registration import lucas_kanade

SIZE = 128


def random_tones():
    random = np.random.default_rng(0)
    residual = random.normal(0, 8, 500).astype(np.float32)
    return residual, random.uniform(0, 255, 500).astype(np.float32)


def test_weights_are_those_of_the_keras_form():
    residual, gray = random_tones()
    gray[:8] = [0, 0.5, 1, 1.5, 2, 253, 253.5, 254]
    usable = lucas_kanade.exposure(gray)
    np.testing.assert_allclose(keras_form.exposure(gray), usable)
    np.testing.assert_allclose(usable[:8], [0, 0, 0, 0.5, 1, 1, 0.5, 0])
    weights = lucas_kanade.robust_weights(residual, usable)
    in_keras = keras_form.robust_weights(residual[None, None], usable[None, None])
    np.testing.assert_allclose(in_keras[0, 0], weights, rtol=1e-4, atol=1e-6)
    mean = keras_form.geometric_mean(gray[None, None] + 1, usable[None, None])
    assert lucas_kanade.geometric_mean(gray + 1, usable) == pytest.approx(float(mean[0, 0, 0]))


@pytest.mark.long
@pytest.mark.parametrize("kind", ["clean", "darker", "clipped", "occluded"])
def test_both_forms_end_at_the_same_homography(images, kind):
    a, b, a_from_b = warped_pair(images[0, ..., 0], 5, reach=6.0, size=(SIZE, SIZE))
    if kind == "darker":
        b = (255 * (b / 255) ** 1.3 * 0.8 + 10).round().astype(np.uint8)
    elif kind == "clipped":
        a, b = (np.clip(1.6 * image - 60.0, 0, 255).astype(np.uint8) for image in (a, b))
    elif kind == "occluded":
        b[30:80, 40:90] = images[1, :50, :50, 0]
    square = arrays.corners((SIZE, SIZE)).astype(np.float32)
    truth = arrays.transform_points(a_from_b, square) - square
    start = (truth + np.random.default_rng(1).normal(0, 0.7, [4, 2])).astype(np.float32)

    in_numpy = lucas_kanade.refine_level(
        lucas_kanade.Level(a, b), cv2.getPerspectiveTransform(square, square + start), steps=30
    )
    layer = keras_form.LucasKanade(steps=((1, 30),))
    h4pt = layer(np.stack([a, b], -1)[None].astype(np.float32), start[None]).h4pt
    in_keras = geometry.matrix_from_h4pt(h4pt, SIZE)[0].numpy()

    assert corner_error(in_numpy, in_keras, (SIZE, SIZE)) < 0.01
    assert corner_error(in_numpy, a_from_b, (SIZE, SIZE)) < 0.1


def test_one_step_is_that_of_the_keras_form(images):
    """The same points, homography and tone curve: the same equations."""
    a, b, _ = warped_pair(images[0, ..., 0], 5, reach=3.0, size=(SIZE, SIZE))
    pairs = np.stack([a, b], -1)[None].astype(np.float32)
    level = lucas_kanade.Level(a, b)
    level_in_keras = keras_level.Level(pairs, block=2)
    # The points of the Keras form, in the place of NumPy's own.
    level.x, level.y, level.b, level.gradient_x, level.gradient_y = (
        np.array(part)[0, 0]
        for part in (
            *(level_in_keras.x, level_in_keras.y, level_in_keras.b),
            *(level_in_keras.gradient_x, level_in_keras.gradient_y),
        )
    )
    pixel_from_unit = np.linalg.inv(level.unit_from_pixel)
    level._points = pixel_from_unit @ np.stack([level.x, level.y, np.ones_like(level.x)])
    tone = np.array([3.0, -5.0, 2.0], np.float32)
    a_from_b = np.array([[1, 0, 0.4], [0, 1, 0.3], [1e-4, 0, 1]])
    in_units = (level.unit_from_pixel @ a_from_b @ pixel_from_unit).astype(np.float32)
    step, new_tone = lucas_kanade.Comparison(level, a_from_b, tone).fit()
    in_keras = keras_form.Comparison(level_in_keras, in_units[None], tone[None, :, None])
    step_in_keras, tone_in_keras = in_keras.fit()
    np.testing.assert_allclose(step, step_in_keras[0, :, 0], rtol=0.01, atol=1e-5)
    np.testing.assert_allclose(new_tone, tone_in_keras[0, :, 0], rtol=0.01, atol=1e-2)


def test_clipped_parts_do_not_count(images):
    """Where A is clipped, B may show anything."""
    a, b, a_from_b = warped_pair(images[0, ..., 0], 3, reach=2.0, size=(SIZE, SIZE))
    a, b = (np.clip(image, 3, 252) for image in (a, b))
    a[40:80, 40:80] = 255
    level = lucas_kanade.Level(a, b)
    weights = lucas_kanade.Comparison(level, a_from_b).weights
    column, row = level._points[:2]
    u, v = arrays.transform_points(a_from_b, np.stack([column, row], 1)).T
    clipped = (u > 41) & (u < 78) & (v > 41) & (v < 78)
    assert clipped.sum() > 100
    np.testing.assert_array_equal(weights[clipped], 0)
    assert np.median(weights[~clipped]) > 0.5


def test_disagreement_is_small_at_the_truth_and_infinite_without_overlap(images):
    a, b, a_from_b = warped_pair(images[0, ..., 0], 4, reach=2.0, size=(SIZE, SIZE))
    level = lucas_kanade.Level(a, b)
    two_pixels_off = a_from_b + np.array([[0, 0, 2], [0, 0, 2], [0, 0, 0]])
    away = np.array([[1, 0, 500], [0, 1, 0], [0, 0, 1]], np.float64)
    truth, near, far = (
        lucas_kanade.Comparison(level, matrix).disagreement()
        for matrix in (a_from_b, two_pixels_off, away)
    )
    assert truth < 0.45
    assert near > 1.5 * truth
    assert far == np.inf


def test_a_homography_far_off_gives_none_or_finite_numbers(images):
    a, b, _ = warped_pair(images[0, ..., 0], 4, reach=2.0, size=(SIZE, SIZE))
    for matrix in (np.diag([1, 1, -1.0]), np.full((3, 3), 1e6), np.zeros((3, 3))):
        with np.errstate(all="ignore"):
            refined = lucas_kanade.refine_level(lucas_kanade.Level(a, b), matrix, steps=3)
        assert refined is None or np.isfinite(refined).all()
