"""Models of motion: against OpenCV's fits and ECC, on rendered motions, and where none is."""

import cv2
import numpy as np
import pytest
from helpers.warped_pairs import corner_error, warped_pair

from keras_homography.geometry import arrays
from keras_homography.registration import motion_models
from keras_homography.registration.motion_models import Motion
from keras_homography.utils.errors import UserError

SIZE = 240, 160


def rendered(image, a_from_b):
    """The middle of an image, and how it looks under a motion."""
    left, top = (np.array(arrays.image_size(image)) - SIZE) // 2
    image_from_a = np.array([[1, 0, left], [0, 1, top], [0, 0, 1.0]])
    a = np.ascontiguousarray(image[top : top + SIZE[1], left : left + SIZE[0]])
    return a, cv2.warpPerspective(image, np.linalg.inv(image_from_a @ a_from_b), SIZE)


def similarity(seed):
    random = np.random.default_rng(seed)
    angle, scale = random.uniform(-0.2, 0.2), np.exp(random.uniform(-0.1, 0.1))
    matrix = np.eye(3)
    matrix[:2] = cv2.getRotationMatrix2D((120, 80), np.degrees(angle), scale)
    matrix[:2, 2] += random.uniform(-10, 10, 2)
    return matrix


@pytest.mark.parametrize("motion", [Motion.SIMILARITY, Motion.AFFINE])
def test_fits_are_those_of_opencv(motion):
    random = np.random.default_rng(0)
    source = random.uniform(0, 200, [50, 2])
    target = arrays.transform_points(similarity(1), source) + random.normal(0, 0.5, source.shape)
    estimate = {
        Motion.SIMILARITY: cv2.estimateAffinePartial2D,
        Motion.AFFINE: cv2.estimateAffine2D,
    }[motion]
    expected, _ = estimate(source, target, ransacReprojThreshold=100.0, refineIters=100)
    np.testing.assert_allclose(
        motion_models.fit(motion, source, target)[:2], expected, rtol=1e-3, atol=0.02
    )
    shift = motion_models.fit(Motion.TRANSLATION, source, source + np.array([3.0, -4.0]))
    np.testing.assert_allclose(shift, [[1, 0, 3], [0, 1, -4], [0, 0, 1]], atol=1e-9)


@pytest.mark.parametrize("motion", [Motion.TRANSLATION, Motion.SIMILARITY, Motion.AFFINE])
def test_steps_stay_within_the_model(motion):
    steps = motion_models.possible_steps(motion)
    step = steps @ np.random.default_rng(0).normal(0, 0.1, steps.shape[1])
    moved = np.eye(3) + np.append(step, 0.0).reshape(3, 3)
    projected = motion_models.project(motion, moved, (1, 1), (1, 1))
    np.testing.assert_allclose(projected, moved, atol=1e-9)


def test_a_similarity_is_found_at_least_as_exactly_as_a_homography(estimator, images):
    """Where the images have little texture, better."""
    errors = {"similarity": [], "homography": []}
    for number in range(4):
        truth = similarity(number)
        a, b = rendered(images[number, ..., 0], truth)
        noise = np.random.default_rng(number).normal(0, 2, [2, *a.shape])
        a, b = (cv2.GaussianBlur(image, (0, 0), 3.0) for image in (a, b))
        a, b = (
            np.clip(np.round(128 + (image - 128.0) * 0.5 + more), 0, 255).astype(np.uint8)
            for image, more in zip((a, b), noise, strict=True)
        )
        for motion, of_motion in errors.items():
            result = estimator.estimate(a, b, motion=motion)
            assert result, result.reason
            of_motion.append(corner_error(result.a_from_b, truth, SIZE))
            if motion == "similarity":
                (p, q, _), (r, s, _), last = result.a_from_b
                np.testing.assert_allclose([p, q], [s, -r], atol=1e-9)
                np.testing.assert_array_equal(last, [0, 0, 1])
                assert np.linalg.matrix_rank(result.covariance, tol=1e-12) == 4
    assert np.mean(errors["similarity"]) < 0.7 * np.mean(errors["homography"])


def test_translation_and_affine_agree_with_ecc(estimator, images):
    shift = np.array([[1, 0, 6.3], [0, 1, -4.6], [0, 0, 1]])
    slanted = shift + np.array([[0.03, 0.05, 0], [-0.02, -0.04, 0], [0, 0, 0]])
    for motion, truth, code in (
        ("translation", shift, cv2.MOTION_TRANSLATION),
        ("affine", slanted, cv2.MOTION_AFFINE),
    ):
        a, b = rendered(images[1, ..., 0], truth)
        result = estimator.estimate(a, b, motion=motion)
        assert result, result.reason
        # OpenCV's maps from its template, B, to its input, A.
        _, expected = cv2.findTransformECC(
            b, a, np.eye(2, 3, dtype=np.float32), code, (3, 200, 1e-8), None, 5
        )
        ours = corner_error(result.a_from_b, truth, SIZE)
        assert ours <= corner_error(np.vstack([expected, [0, 0, 1]]), truth, SIZE) + 0.01
        assert ours < 0.02


def test_a_motion_that_cannot_explain_the_pair_is_refused_with_that_reason(estimator, images):
    a, b, _ = warped_pair(images[0, ..., 0], 5, reach=25.0)
    assert estimator.estimate(a, b)
    result = estimator.estimate(a, b, motion="translation")
    assert not result
    assert result.reason_code == "other_motion"
    assert "the simpler motion that was asked for does not" in result.reason


def test_there_are_four(estimator, images):
    with pytest.raises(UserError, match="no motion 'rigid'; there are translation, similarity"):
        estimator.estimate(images[0], images[0], motion="rigid")
