"""A matcher in every format, in the way that a user loads it."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import interpreter as litert

import keras_homography
from keras_homography import models
from keras_homography.saving import formats, verified_export

FORMATS = [form for form in formats.FORMATS.values() if not form.is_optional]
TFLITE = ["model.tflite", "model_float16.tflite"]


def assert_features(outputs, expected, tolerance):
    assert set(outputs) == {"coarse", "fine", "reliability"}
    for name, value in expected.items():
        np.testing.assert_allclose(outputs[name], value, atol=tolerance)


def test_every_file_is_compared(exported_matcher_with_parity):
    _, parity = exported_matcher_with_parity
    assert set(parity) == {form.file_name for form in FORMATS}
    for form in FORMATS:
        tolerance = verified_export.LOSSY_TOLERANCE if form.is_lossy else verified_export.TOLERANCE
        assert parity[form.file_name] <= tolerance
    assert parity["model_float16.tflite"] > parity["model.tflite"]


KERAS_ALONE = """
import sys, numpy as np, tensorflow as tf
model = tf.keras.models.load_model(sys.argv[1])
outputs = model(np.load(sys.argv[2]))
assert not any("keras_homography" in name for name in sys.modules)
np.savez(sys.argv[3], **outputs)
"""


@pytest.mark.long
def test_keras_file_loads_where_this_package_was_never_imported(
    exported_matcher, matcher, gray_images, tmp_path
):
    images = gray_images(64, 96)
    np.save(tmp_path / "images.npy", images)
    paths = exported_matcher / "model.keras", tmp_path / "images.npy", tmp_path / "outputs.npz"
    subprocess.run(
        [sys.executable, "-c", KERAS_ALONE, *map(str, paths)],
        cwd=tmp_path,
        capture_output=True,
        check=True,
    )
    assert_features(dict(np.load(tmp_path / "outputs.npz")), matcher(images), 1e-3)


def test_load_model_opens_it_untrusted(exported_matcher, matcher, gray_images):
    model = keras_homography.load_model(exported_matcher / "model.keras")
    assert_features(model(gray_images(32, 64)), matcher(gray_images(32, 64)), 1e-6)


def test_saved_model_serves_images_of_any_number_and_size(exported_matcher, matcher, gray_images):
    signatures = tf.saved_model.load(str(exported_matcher / "saved_model")).signatures
    assert set(signatures) == {"serving_default"}
    for images in (gray_images(64, 96), gray_images(96, 32)[:1]):
        outputs = signatures["serving_default"](image=tf.constant(images))
        assert_features(outputs, matcher(images), 1e-3)


@pytest.mark.parametrize("name", TFLITE)
def test_tflite_has_the_promised_interface_and_is_resized(
    exported_matcher, matcher, gray_images, name
):
    interpreter = litert.Interpreter(str(exported_matcher / name))
    (image,) = interpreter.get_input_details()
    assert image["shape_signature"].tolist() == [1, -1, -1, 1]
    assert image["dtype"] == np.float32
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["image"], "outputs": ["coarse", "fine", "reliability"]}
    }
    operators = {operator["op_name"] for operator in interpreter._get_ops_details()}
    assert not any(operator.startswith(("Flex", "CUSTOM")) for operator in operators)
    run = interpreter.get_signature_runner()
    tolerance = 1e-3 if name == "model.tflite" else 0.05
    for size in ((64, 96), (96, 32), (64, 96)):
        images = gray_images(*size)[:1]
        assert_features(run(image=images), matcher(images), tolerance)


def test_a_whole_matcher_of_float16_takes_at_most_3_mb(tmp_path):
    formats.FORMATS["float16"].write(models.build("matcher"), tmp_path / "model.tflite")
    assert (tmp_path / "model.tflite").stat().st_size <= 3e6
