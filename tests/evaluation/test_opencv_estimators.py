"""OpenCV's estimators: direction, conventions, tuning, failures."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_homography.data import synthetic_images
from keras_homography.evaluation import opencv_estimators
from keras_homography.utils.errors import UserError

SIZE = 128
INSTALLED = opencv_estimators.available_names()
ESTIMATING = [name for name in INSTALLED if name != "identity"]


def make_pair(number, h4pt):
    """A pair cut by OpenCV, as uint8 `[size, size]` each."""
    seed = tf.constant([11, number], tf.int64)
    image = synthetic_images.draw_image(seed, 240, 320).numpy()[..., 0]
    x, y = 90, 50
    square = np.float32([[0, 0], [SIZE, 0], [SIZE, SIZE], [0, SIZE]])
    image_from_b = cv2.getPerspectiveTransform(square, np.float32(square + h4pt + [x, y]))
    inverse = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR
    patch_b = cv2.warpPerspective(image, image_from_b, (SIZE, SIZE), flags=inverse)
    return image[y : y + SIZE, x : x + SIZE].copy(), patch_b


def error(predicted, h4pt):
    return np.linalg.norm(predicted - h4pt, axis=-1).mean()


@pytest.mark.parametrize("name", ESTIMATING)
def test_every_estimator_finds_a_small_motion(name):
    random = np.random.default_rng(3)
    errors = []
    for number in range(5):
        h4pt = random.uniform(-6, 6, [4, 2])
        predicted = opencv_estimators.ESTIMATORS[name](*make_pair(number, h4pt))
        assert predicted.shape == (4, 2)
        errors.append(error(predicted, h4pt))
    assert np.median(errors) < 1.0


@pytest.mark.parametrize("name", [name for name in ESTIMATING if name != "ecc"])
def test_all_but_plain_ecc_find_a_large_motion(name):
    random = np.random.default_rng(4)
    errors = []
    for number in range(5):
        h4pt = random.uniform(-32, 32, [4, 2])
        predicted = opencv_estimators.ESTIMATORS[name](*make_pair(number, h4pt))
        errors.append(np.inf if predicted is None else error(predicted, h4pt))
    assert np.median(errors) < 2.0


def test_the_stronger_rivals_are_stronger():
    """So that no table flatters by a handicapped SIFT."""
    random = np.random.default_rng(6)
    errors = {name: [] for name in ("sift_ransac", "sift_x2_ransac", "sift_ecc")}
    for number in range(8):
        h4pt = random.uniform(-24, 24, [4, 2])
        pair = make_pair(number, h4pt)
        for name, of_name in errors.items():
            of_name.append(error(opencv_estimators.ESTIMATORS[name](*pair), h4pt))
    medians = {name: np.median(of_name) for name, of_name in errors.items()}
    assert medians["sift_x2_ransac"] < 0.7 * medians["sift_ransac"]
    assert medians["sift_ecc"] < 0.2 * medians["sift_ransac"]


def test_sift_ransac_is_the_published_recipe():
    h4pt = np.random.default_rng(5).uniform(-32, 32, [4, 2])
    patch_a, patch_b = make_pair(0, h4pt)
    detector = cv2.SIFT.create(contrastThreshold=0.01)
    (keypoints_a, a), (keypoints_b, b) = (
        detector.detectAndCompute(patch, None) for patch in (patch_a, patch_b)
    )
    distances = np.linalg.norm(b[:, None].astype(np.float64) - a[None], axis=-1)
    nearest = np.argsort(distances, axis=1)[:, :2]
    first, second = np.take_along_axis(distances, nearest, axis=1).T
    kept = np.flatnonzero(first < 0.8 * second)
    points_b = np.array([keypoints_b[i].pt for i in kept], np.float32)
    points_a = np.array([keypoints_a[nearest[i, 0]].pt for i in kept], np.float32)
    a_from_b, _ = cv2.findHomography(points_b, points_a, cv2.RANSAC, 3.0)
    corners = np.array([[0, 0, 1], [SIZE, 0, 1], [SIZE, SIZE, 1], [0, SIZE, 1]]) @ a_from_b.T
    expected = corners[:, :2] / corners[:, 2:] - [[0, 0], [SIZE, 0], [SIZE, SIZE], [0, SIZE]]
    predicted = opencv_estimators.ESTIMATORS["sift_ransac"](patch_a, patch_b)
    np.testing.assert_allclose(predicted, expected, atol=1e-6)


def test_identity_is_no_motion():
    patch = np.zeros([SIZE, SIZE], np.uint8)
    np.testing.assert_array_equal(
        opencv_estimators.ESTIMATORS["identity"](patch, patch), np.zeros((4, 2))
    )


@pytest.mark.parametrize("name", ESTIMATING)
@pytest.mark.parametrize("gray", [0, 128])
def test_uniform_patches_have_no_answer(name, gray):
    patch = np.full([SIZE, SIZE], gray, np.uint8)
    assert opencv_estimators.ESTIMATORS[name](patch, patch) is None


@pytest.mark.parametrize("name", ["sift_ransac", "ecc_pyramid"])
def test_patches_of_another_size(name):
    h4pt = np.random.default_rng(6).uniform(-6, 6, [4, 2])
    patch_a, patch_b = (cv2.resize(p, (256, 256)) for p in make_pair(1, h4pt))
    # Half-pixel centers: corners move by twice as much, and a little for the shift of centers.
    predicted = opencv_estimators.ESTIMATORS[name](patch_a, patch_b)
    assert error(predicted, 2 * h4pt) < 1.0


def test_akaze_is_available_or_says_what_to_install():
    reason = opencv_estimators.unavailable_reason("akaze_ransac")
    assert ("akaze_ransac" in INSTALLED) == (reason is None)
    assert reason is None or "opencv-contrib-python" in reason
    assert opencv_estimators.unavailable_reason("sift_ransac") is None


@pytest.fixture
def registry(monkeypatch):
    monkeypatch.setattr(opencv_estimators, "ESTIMATORS", dict(opencv_estimators.ESTIMATORS))
    return opencv_estimators.ESTIMATORS


def test_a_registered_estimator_is_available(registry):
    opencv_estimators.register_estimator("mine", opencv_estimators.identity)
    assert registry["mine"] is opencv_estimators.identity
    assert "mine" in opencv_estimators.available_names()


@pytest.mark.parametrize("name", ["ecc", "identity", "estimator", "all", "homography"])
def test_taken_names_are_refused(registry, name):
    with pytest.raises(UserError, match="choose another name"):
        opencv_estimators.register_estimator(name, opencv_estimators.identity)


@pytest.mark.parametrize("name", ["", "a,b", "mine.keras"])
def test_names_that_the_flag_cannot_hold_are_refused(registry, name):
    with pytest.raises(UserError, match="cannot be the name"):
        opencv_estimators.register_estimator(name, opencv_estimators.identity)
    assert name not in registry
