"""The homography between two images of any size, or a reason why not."""

import multiprocessing
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
from keras_homography.saving import formats, loading, manifest, networks, written_models
from keras_homography.utils.errors import UserError

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture(scope="module")
def image():
    """A larger generated image, uint8 `[480, 640]`."""
    return synthetic_images.draw_image(tf.constant([2, 1], tf.int64), 480, 640).numpy()[..., 0]


def turned(image, turns):
    """An image turned counterclockwise, and the matrix from the pixels of that to its own."""
    rotated = image
    matrix = np.eye(3)
    for _ in range(turns):
        width = rotated.shape[1]
        matrix = matrix @ np.array([[0, -1, width - 1], [1, 0, 0], [0, 0, 1]], np.float64)
        rotated = np.rot90(rotated)
    return np.ascontiguousarray(rotated), matrix


@pytest.mark.parametrize("size", [(128, 128), (320, 240), (200, 330)])
def test_a_known_homography_is_found(estimator, image, size):
    a, b, expected = warped_pair(image, 5, reach=0.15 * min(size), size=size)
    result = estimator.estimate(a, b)
    assert result, result.reason
    assert corner_error(result.a_from_b, expected, size) < 0.05
    assert result.confidence > 0.9
    assert 0.5 < result.overlap <= 1.0
    assert result.covariance.shape == (8, 8)
    assert result.agreement is None  # not asked for
    np.testing.assert_allclose(
        result.homography, np.linalg.inv(result.a_from_b) / np.linalg.inv(result.a_from_b)[2, 2]
    )


def test_the_result_overlays_a_on_b(estimator, image):
    a, b, _ = warped_pair(image, 6, reach=30.0, size=(320, 240))
    result = estimator.estimate(a, b)
    overlaid = cv2.warpPerspective(a, result.homography, (320, 240))
    covered = cv2.warpPerspective(np.full_like(a, 255), result.homography, (320, 240)) == 255
    assert np.abs(overlaid.astype(int) - b)[covered].mean() < 2.0


def test_kinds_of_images_agree(estimator, image):
    a, b, _ = warped_pair(image, 7, reach=10.0)
    expected = estimator.estimate(a, b).homography
    for other in (
        np.dstack([b] * 3),
        np.dstack([b] * 4),
        b.astype(np.float32),
        b.astype(np.uint16) * 257,
        np.asfortranarray(b),
    ):
        np.testing.assert_allclose(estimator.estimate(a, other).homography, expected, atol=1e-9)


def test_the_same_images_give_the_same_answer(estimator, image):
    a, b, _ = warped_pair(image, 8, reach=30.0, size=(240, 160))
    first, second = estimator.estimate(a, b), estimator.estimate(a, b)
    assert first.ok
    assert first.confidence == second.confidence
    np.testing.assert_array_equal(first.a_from_b, second.a_from_b)


def test_swapping_the_images_inverts(estimator, image):
    a, b, _ = warped_pair(image, 9, reach=10.0)
    forward, backward = estimator.estimate(a, b), estimator.estimate(b, a)
    assert corner_error(forward.a_from_b, backward.b_from_a, (240, 160)) < 0.1


def test_an_image_is_itself(estimator, image):
    result = estimator.estimate(image, image)
    assert corner_error(result.a_from_b, np.eye(3), (640, 480)) < 1e-3


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_images(estimator, image, turns):
    a, b, expected = warped_pair(image, 10, reach=8.0)
    b, b_from_turned = turned(b, turns)
    result = estimator.estimate(a, b)
    assert result, result.reason
    assert corner_error(result.a_from_b, expected @ b_from_turned, arrays.image_size(b)) < 0.1


def test_other_sizes_and_a_zoom(estimator, image):
    middle = image[120:360, 160:480]
    enlarged = cv2.resize(middle, (480, 360), interpolation=cv2.INTER_CUBIC)
    a_from_middle = np.array([[1, 0, 160], [0, 1, 120], [0, 0, 1]], np.float64)
    expected = a_from_middle @ arrays.resizing((480, 360), (320, 240))
    result = estimator.estimate(image, enlarged)
    assert result, result.reason
    assert corner_error(result.a_from_b, expected, (480, 360)) < 0.2


def test_something_that_moves_before_a_still_camera_is_not_followed(estimator, image):
    a, b = image[:240, :320].copy(), image[:240, :320].copy()
    thing = image[300:400, 400:520]
    a[40:140, 20:140], b[80:180, 150:270] = thing, thing
    result = estimator.estimate(a, b)
    assert result, result.reason
    assert corner_error(result.a_from_b, np.eye(3), (320, 240)) < 0.2


def test_different_images_are_refused(estimator, images):
    for first in range(2):
        result = estimator.estimate(images[first], images[first + 2])
        assert not result
        assert result.homography is None
        assert result.a_from_b is None
        assert "not the same scene" in result.reason
        assert result.reason_code == "not_the_same_scene"


@pytest.mark.parametrize(
    ("uniform", "says"),
    [
        (np.zeros([100, 100], np.uint8), "texture"),
        (np.full([100, 100, 3], 255, np.uint8), "texture"),
        (np.zeros([1, 1], np.uint8), "too small"),
        (np.zeros([15, 200], np.uint8), "too small"),
    ],
)
def test_uniform_and_tiny_images_are_refused_with_the_reason(estimator, image, uniform, says):
    for result in (estimator.estimate(uniform, image), estimator.estimate(image, uniform)):
        assert not result
        assert says in result.reason
        assert result.homography is None
        assert result.best_a_from_b is None


def test_a_scene_that_is_not_one_plane_is_refused(estimator, image):
    y, x = np.indices(image.shape, dtype=np.float32)
    depth = 30.0 * np.sin(x / 50.0) * np.cos(y / 45.0)  # 5 % of the width
    bent = cv2.remap(image, x + depth, y + 0.6 * depth, cv2.INTER_LINEAR)
    result = estimator.estimate(image, bent)
    assert not result
    assert "parallax" in result.reason


def test_the_best_homography_is_kept_on_a_refusal(image):
    a, b, expected = warped_pair(image, 11, reach=12.0)
    result = keras_homography.HomographyEstimator(min_confidence=1.0).estimate(a, b)
    assert not result.ok
    assert result.a_from_b is result.b_from_a is result.homography is None
    assert corner_error(result.best_a_from_b, expected, (240, 160)) < 0.05


def test_an_initial_homography_or_earlier_result_is_tried_first(estimator, image):
    a, b, expected = warped_pair(image, 11, reach=12.0)
    first = estimator.estimate(a, b)
    assert first.start == "network"
    for initial in (expected, expected.tolist(), first):
        result = estimator.estimate(a, b, initial_a_from_b=initial)
        assert result.start == "previous"
        assert corner_error(result.a_from_b, expected, (240, 160)) < 0.05


def test_an_earlier_refusal_is_ignored(estimator, image):
    a, b, _ = warped_pair(image, 11, reach=12.0)
    refused = estimator.estimate(a, np.zeros_like(b))
    assert not refused
    expected, result = estimator.estimate(a, b), estimator.estimate(a, b, initial_a_from_b=refused)
    assert result.start == expected.start == "network"
    np.testing.assert_array_equal(result.a_from_b, expected.a_from_b)


@pytest.mark.parametrize("initial", [np.eye(2), np.full([3, 3], np.nan), "text", [[1, 2], [3]]])
def test_what_is_no_initial_homography_is_named(estimator, image, initial):
    with pytest.raises(UserError, match="initial_a_from_b"):
        estimator.estimate(image, image, initial_a_from_b=initial)


def test_frames_are_tracked_from_the_frame_before_that_was_not_refused(estimator, image):
    a, b, expected = warped_pair(image, 12, reach=5.0)
    results = list(estimator.estimate_sequence(a, [b, np.zeros_like(b), b]))
    assert [result.ok for result in results] == [True, False, True]
    assert [result.start for result in results] == ["identity", None, "previous"]
    assert corner_error(results[2].a_from_b, expected, (240, 160)) < 0.05


def test_former_names_warn_and_work(image):
    a, b, expected = warped_pair(image, 12, reach=5.0)
    with pytest.warns(DeprecationWarning, match="is now named") as warned:
        estimator = keras_homography.HomographyEstimator(
            least_confidence=0.9, threads=1, trusted=True
        )
    present = ("min_confidence", "num_threads", "trust")
    assert len(warned) == len(present)
    for warning, name in zip(warned, present, strict=True):
        assert str(warning.message).endswith(f"is now named {name}.")
        assert warning.filename == __file__
    with pytest.warns(DeprecationWarning, match="start is now named initial_a_from_b"):
        result = estimator.estimate(a, b, start=expected)
    assert result.start == "previous"
    assert result.ok


def test_both_names_of_an_argument_are_refused():
    with pytest.raises(TypeError, match="least_confidence"):
        keras_homography.HomographyEstimator(least_confidence=0.5, min_confidence=0.5)


def test_the_callers_random_state_is_neither_used_nor_changed(estimator, image, images):
    def draw():
        return cv2.randu(np.zeros(16), 0, 1).tolist()

    a, b, _ = warped_pair(image, 11, reach=12.0)
    for pair, ok in (((a, b), True), ((images[0], images[1]), False)):
        answers = []
        for seed in (7, 8):
            cv2.setRNGSeed(seed)
            expected = draw()
            cv2.setRNGSeed(seed)
            answers.append(estimator.estimate(*pair))
            assert draw() == expected
            assert answers[-1].ok == ok
        np.testing.assert_array_equal(answers[0].best_a_from_b, answers[1].best_a_from_b)


def test_another_process_gives_the_same_answer(estimator, image):
    a, b, _ = warped_pair(image, 11, reach=12.0)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        result = pool.apply(estimator.estimate, (a, b))
    expected = estimator.estimate(a, b)
    assert result.ok
    np.testing.assert_array_equal(result.a_from_b, expected.a_from_b)
    assert result.confidence == expected.confidence


@pytest.mark.long
def test_every_form_of_a_network_gives_the_same(tmp_path, image):
    keras.utils.set_random_seed(0)
    model = models.build("homographynet", patch_size=32, rho=8, width=0.05)
    forms = [formats.FORMATS[name] for name in ("keras", "saved_model", "tflite")]
    for form in forms:
        form.write(model, tmp_path / form.file_name)
    written_models.record(manifest.digest(tmp_path / "saved_model"))
    pair = np.random.default_rng(0).uniform(0, 255, [1, 32, 32, 2]).astype(np.float32)
    expected = loading.predict_h4pt(model, pair)
    a, b, a_from_b = warped_pair(image, 13, reach=10.0)
    for opened in (model, *(str(tmp_path / form.file_name) for form in forms)):
        network = networks.open_network(opened)
        assert network.patch_size == 32
        np.testing.assert_allclose(network(pair), expected, atol=1e-4)
        result = keras_homography.HomographyEstimator(opened).estimate(a, b)
        assert corner_error(result.a_from_b, a_from_b, (240, 160)) < 0.05


def test_what_is_no_model_is_named(tmp_path):
    (tmp_path / "text.tflite").write_text("nothing")
    (tmp_path / "text.keras").write_text("nothing")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "text.tflite", tmp_path / "text.keras", tmp_path / "empty", "none"):
        with pytest.raises(ValueError, match=str(path)):
            networks.open_network(path)
    with pytest.raises(UserError, match="min_confidence"):
        keras_homography.HomographyEstimator(min_confidence=2)


_IMAGES = numpy_strategies.arrays(
    np.uint8,
    st.one_of(
        st.tuples(st.integers(1, 128), st.integers(1, 128)),
        st.tuples(st.integers(1, 128), st.integers(1, 128), st.sampled_from([1, 3, 4])),
    ),
    elements=st.integers(0, 255),
    fill=st.integers(0, 255),
)


@settings(max_examples=8, deadline=None)
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


def test_runs_without_tensorflow():
    program = """
import sys
for name in ("tensorflow", "keras", "matplotlib", "tensorflow_datasets", "sklearn"):
    sys.modules[name] = None
import numpy as np, keras_homography
image = np.kron(np.random.default_rng(0).integers(0, 255, [24, 32], np.uint8), np.ones([8, 8]))
result = keras_homography.HomographyEstimator().estimate(image, np.roll(image, 5, axis=1))
assert result.ok
import keras_homography.predict, keras_homography.registration.file_alignment
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


def test_images_of_black_and_white_are_estimated(images):
    """Every pixel is clipped, so that none says how exact the homography is."""
    large = cv2.resize(images[0, ..., 0], (1280, 960))
    a, b, _ = warped_pair(large, 3, reach=20.0, size=(640, 480))
    black_and_white = (np.where(image > 128, 255, 0).astype(np.uint8) for image in (a, b))
    result = keras_homography.HomographyEstimator().estimate(*black_and_white)
    assert result.best_a_from_b is not None
    assert result.covariance is None or np.isfinite(result.covariance).all()


@pytest.mark.parametrize("kind", ["grid", "strip"])
def test_a_mask_that_leaves_no_pixel_to_compare_is_a_refusal(images, kind):
    image = images[0, ..., 0]
    mask = np.zeros(image.shape, bool)
    if kind == "strip":
        mask[100:104] = True
    else:
        mask[:] = True
        mask[::4] = mask[:, ::4] = False
    assert not keras_homography.HomographyEstimator().estimate(image, image, mask_b=mask).ok


def test_an_image_longer_than_opencv_samples_is_a_refusal():
    noise = np.random.default_rng(0).integers(0, 256, (24, 34000), np.uint8)
    assert not keras_homography.HomographyEstimator().estimate(noise, noise[:, :640]).ok
