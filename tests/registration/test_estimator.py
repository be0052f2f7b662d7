"""Any two images: their homography in their own pixels, or a reason why not."""

import pathlib
import subprocess
import sys

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.warped_pairs import corner_error, warped_pair
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

import keras_homography
from keras_homography import models
from keras_homography.data import synthetic_images
from keras_homography.geometry import arrays
from keras_homography.registration import alignment_evidence, confidence
from keras_homography.saving import formats, loading, manifest, networks

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def estimator():
    return keras_homography.HomographyEstimator()


@pytest.fixture(scope="module")
def photo():
    """A larger generated photo, uint8 `[480, 640]`."""
    return synthetic_images.draw_image(tf.constant([2, 1], tf.int64), 480, 640).numpy()[..., 0]


def turned(image, turns):
    """An image turned against the clock, and the matrix from the turned to its pixels."""
    rotated = image
    matrix = np.eye(3)
    for _ in range(turns):
        width = rotated.shape[1]
        matrix = matrix @ np.array([[0, -1, width - 1], [1, 0, 0], [0, 0, 1]], np.float64)
        rotated = np.rot90(rotated)
    return np.ascontiguousarray(rotated), matrix


@pytest.mark.parametrize("size", [(128, 128), (320, 240), (200, 330)])
def test_a_known_homography_is_found(estimator, photo, size):
    a, b, expected = warped_pair(photo, 5, reach=0.15 * min(size), size=size)
    result = estimator.estimate(a, b)
    assert result, result.reason
    assert corner_error(result.a_from_b, expected, size) < 0.05
    assert result.confidence > 0.9
    assert 0.5 < result.overlap <= 1.0
    np.testing.assert_allclose(
        result.homography, np.linalg.inv(result.a_from_b) / np.linalg.inv(result.a_from_b)[2, 2]
    )


def test_the_result_overlays_a_on_b(estimator, photo):
    a, b, _ = warped_pair(photo, 6, reach=30.0, size=(320, 240))
    result = estimator.estimate(a, b)
    overlaid = cv2.warpPerspective(a, result.homography, (320, 240))
    covered = cv2.warpPerspective(np.full_like(a, 255), result.homography, (320, 240)) == 255
    assert np.abs(overlaid.astype(int) - b)[covered].mean() < 2.0


def test_kinds_of_images_agree(estimator, photo):
    a, b, _ = warped_pair(photo, 7, reach=10.0)
    expected = estimator.estimate(a, b).homography
    for other in (
        np.dstack([b] * 3),
        np.dstack([b] * 4),
        b.astype(np.float32),
        b.astype(np.uint16) * 257,
        np.asfortranarray(b),
    ):
        np.testing.assert_allclose(estimator.estimate(a, other).homography, expected, atol=1e-9)


def test_the_same_images_give_the_same_answer(estimator, photo):
    a, b, _ = warped_pair(photo, 8, reach=60.0, size=(240, 160))
    first, second = estimator.estimate(a, b), estimator.estimate(a, b)
    assert bool(first) == bool(second)
    assert first.confidence == second.confidence


def test_swapping_the_images_inverts(estimator, photo):
    a, b, _ = warped_pair(photo, 9, reach=10.0)
    there, back = estimator.estimate(a, b), estimator.estimate(b, a)
    assert corner_error(there.a_from_b, back.b_from_a, (240, 160)) < 0.1


def test_an_image_is_itself(estimator, photo):
    result = estimator.estimate(photo, photo)
    assert corner_error(result.a_from_b, np.eye(3), (640, 480)) < 1e-3


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_images(estimator, photo, turns):
    a, b, expected = warped_pair(photo, 10, reach=8.0)
    b, b_from_turned = turned(b, turns)
    result = estimator.estimate(a, b)
    assert result, result.reason
    assert corner_error(result.a_from_b, expected @ b_from_turned, arrays.image_size(b)) < 0.1


def test_other_sizes_and_a_zoom(estimator, photo):
    middle = photo[120:360, 160:480]
    enlarged = cv2.resize(middle, (480, 360), interpolation=cv2.INTER_CUBIC)
    a_from_middle = np.array([[1, 0, 160], [0, 1, 120], [0, 0, 1]], np.float64)
    expected = a_from_middle @ arrays.resizing((480, 360), (320, 240))
    result = estimator.estimate(photo, enlarged)
    assert result, result.reason
    assert corner_error(result.a_from_b, expected, (480, 360)) < 0.2


def test_something_that_moves_before_a_still_camera_is_not_followed(estimator, photo):
    a, b = photo[:240, :320].copy(), photo[:240, :320].copy()
    thing = photo[300:400, 400:520]
    a[40:140, 20:140], b[80:180, 150:270] = thing, thing
    result = estimator.estimate(a, b)
    assert result, result.reason
    assert corner_error(result.a_from_b, np.eye(3), (320, 240)) < 0.2


def test_different_photos_are_refused(estimator, images):
    for first in range(4):
        result = estimator.estimate(images[first], images[(first + 1) % 4])
        assert not result
        assert result.homography is None
        assert result.a_from_b is None
        assert "not the same scene" in result.reason


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (np.zeros([100, 100], np.uint8), "texture"),
        (np.full([100, 100, 3], 255, np.uint8), "texture"),
        (np.zeros([1, 1], np.uint8), "too small"),
        (np.zeros([15, 200], np.uint8), "too small"),
    ],
)
def test_nothing_to_see_is_refused_with_the_reason(estimator, photo, image, says):
    for result in (estimator.estimate(image, photo), estimator.estimate(photo, image)):
        assert not result
        assert says in result.reason
        assert result.homography is None


def test_a_scene_that_is_not_one_plane_is_refused(estimator, photo):
    y, x = np.indices(photo.shape, dtype=np.float32)
    depth = 30.0 * np.sin(x / 50.0) * np.cos(y / 45.0)  # 5 % of the width
    bent = cv2.remap(photo, x + depth, y + 0.6 * depth, cv2.INTER_LINEAR)
    result = estimator.estimate(photo, bent)
    assert not result
    assert "parallax" in result.reason


def test_a_start_is_used(estimator, photo):
    a, b, expected = warped_pair(photo, 11, reach=12.0)
    result = estimator.estimate(a, b, start=expected)
    assert result.start == "previous"
    with pytest.raises(ValueError, match="start"):
        estimator.estimate(a, b, start=np.eye(2))


def test_many_pairs_and_sequences(estimator, photo):
    a, b, expected = warped_pair(photo, 12, reach=5.0)
    results = list(estimator.estimate_many([(a, b), (a, a)]))
    assert [bool(result) for result in results] == [True, True]
    in_a_row = list(estimator.estimate_sequence(a, [b, b]))
    assert in_a_row[1].start == "previous"
    assert corner_error(in_a_row[1].a_from_b, expected, (240, 160)) < 0.05


def test_keras_and_tflite_give_the_same(photo):
    a, b, _ = warped_pair(photo, 13, reach=10.0)
    expected = keras_homography.HomographyEstimator().estimate(a, b).homography
    model = keras_homography.load_pretrained()
    found = keras_homography.HomographyEstimator(model).estimate(a, b).homography
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_every_form_of_a_network_is_opened(tmp_path):
    keras.utils.set_random_seed(0)
    model = models.build("homographynet", patch_size=32, rho=8, width=0.05)
    model.save(tmp_path / "m.keras")
    formats.write_saved_model(model, tmp_path / "saved_model")
    formats.write_tflite(model, tmp_path / "m.tflite")
    manifest.write_manifest(tmp_path, ["saved_model", "m.tflite"])
    pair = np.random.default_rng(0).uniform(0, 255, [1, 32, 32, 2]).astype(np.float32)
    expected = loading.predict_h4pt(model, pair)
    for form in (model, tmp_path / "m.keras", tmp_path / "saved_model", str(tmp_path / "m.tflite")):
        network = networks.open_network(form)
        assert network.patch_size == 32
        np.testing.assert_allclose(network(pair), expected, atol=1e-4)


def test_what_is_no_model_is_named(tmp_path):
    (tmp_path / "text.tflite").write_text("nothing")
    (tmp_path / "text.keras").write_text("nothing")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "text.tflite", tmp_path / "text.keras", tmp_path / "empty", "none"):
        with pytest.raises(ValueError, match=str(path)):
            networks.open_network(path)
    with pytest.raises(ValueError, match="least_confidence"):
        keras_homography.HomographyEstimator(least_confidence=2)


_IMAGES = numpy_strategies.arrays(
    np.uint8,
    st.one_of(
        st.tuples(st.integers(1, 128), st.integers(1, 128)),
        st.tuples(st.integers(1, 128), st.integers(1, 128), st.sampled_from([1, 3, 4])),
    ),
    elements=st.integers(0, 255),
    fill=st.integers(0, 255),
)


@settings(max_examples=15, deadline=None)
@given(_IMAGES, _IMAGES)
def test_any_two_images_give_a_finite_answer_or_a_reason(estimator, a, b):
    result = estimator.estimate(a, b)
    if result:
        assert np.isfinite(result.homography).all()
        assert result.confidence >= 0.5
    else:
        assert result.reason
        assert result.homography is None
    assert 0.0 <= result.confidence <= 1.0
    assert 0.0 <= result.overlap <= 1.0


def test_confidence_rises_with_agreement():
    def probability(agreeing):
        return confidence.probability(alignment_evidence.Evidence(0.8, 100, agreeing, 0.5, 0.5))

    probabilities = [probability(agreeing) for agreeing in (0, 10, 50, 95)]
    assert probabilities == sorted(probabilities)
    assert probabilities[0] == 0.0
    assert probabilities[-1] > 0.9


@pytest.mark.parametrize(
    "matrix",
    [
        np.diag([-1.0, 1.0, 1.0]),  # mirrored
        np.diag([50.0, 50.0, 1.0]),  # enormous
        np.diag([6.0, 0.5, 1.0]),  # stretched
        np.array([[1, 0, 0], [0, 1, 0], [0.02, 0, 1.0]]),  # nearly through the camera
        np.full([3, 3], np.nan),
    ],
)
def test_what_no_camera_sees_is_not_believed(matrix):
    assert alignment_evidence.is_plausible(np.eye(3), (200, 200), (200, 200))
    assert not alignment_evidence.is_plausible(matrix, (200, 200), (200, 200))


def test_runs_without_tensorflow():
    program = """
import sys
sys.modules["tensorflow"] = sys.modules["keras"] = None
import numpy as np, keras_homography
image = np.kron(np.random.default_rng(0).integers(0, 255, [24, 32], np.uint8), np.ones([8, 8]))
result = keras_homography.HomographyEstimator().estimate(image, np.roll(image, 5, axis=1))
print(bool(result), np.round(result.homography[0, 2]))
try:
    keras_homography.HomographyEstimator("saved_models")
except ValueError as error:
    print("TensorFlow" in str(error))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", "5.0", "True"]
