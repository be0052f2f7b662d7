"""Exported files, each in the way that a user loads it, against the model they came from."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import interpreter as litert

from keras_homography import geometry, models
from keras_homography.saving import formats, loading, verified_export


@pytest.fixture(scope="module")
def pairs(images):
    patches = np.float32([np.dstack([image[:32, :32], image[4:36, 6:38]]) for image in images])
    return patches.reshape(4, 32, 32, 2)


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(0)
    model = models.build("homographynet", patch_size=32, rho=8, width=0.1)
    head = model.get_layer("offsets")
    head.kernel.assign(np.random.default_rng(0).normal(0, 5.0, head.kernel.shape))
    return model


@pytest.fixture(scope="module")
def exported(model, pairs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    parity = verified_export.export(model, folder, pairs)
    assert set(parity) == {"model.keras", "saved_model", "model.tflite"}
    assert max(parity.values()) <= verified_export.TOLERANCE
    return folder


def test_nothing_else_is_left_behind(exported):
    assert {path.name for path in exported.iterdir()} == {
        "model.keras",
        "saved_model",
        "model.tflite",
        "manifest.json",
    }


def test_keras_file_loads_where_this_package_was_never_imported(exported, model, pairs, tmp_path):
    np.save(tmp_path / "pairs.npy", pairs)
    program = (
        "import json, sys, numpy as np, tensorflow as tf\n"
        f"model = tf.keras.models.load_model({str(exported / 'model.keras')!r})\n"
        f"h4pt = model.predict(np.load({str(tmp_path / 'pairs.npy')!r}), verbose=0)\n"
        "assert not any('keras_homography' in name for name in sys.modules)\n"
        "print(json.dumps([h4pt.tolist(), [output.name for output in model.outputs]]))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    h4pt, names = json.loads(result.stdout.splitlines()[-1])
    expected = loading.predict_h4pt(model, pairs)
    assert np.abs(expected).max() > 1.0
    np.testing.assert_allclose(h4pt, expected, atol=1e-3)
    assert len(names) == 1


def test_saved_model_serves_stacked_patches(exported, model, pairs):
    serve = tf.saved_model.load(str(exported / "saved_model")).signatures["serving_default"]
    np.testing.assert_allclose(
        serve(pairs=tf.constant(pairs))["h4pt"], loading.predict_h4pt(model, pairs), atol=1e-3
    )


@pytest.mark.parametrize(
    ("shape_a", "shape_b"), [((32, 32, 1), (32, 32, 1)), ((240, 320, 3), (60, 200, 1))]
)
def test_saved_model_aligns_images_of_any_size(exported, model, images, shape_a, shape_b):
    def make(shape, image):
        resized = cv2.resize(image, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
        return np.repeat(resized.reshape(*shape[:2], 1), shape[2], axis=2)

    image_a, image_b = make(shape_a, images[0]), make(shape_b, images[1])
    align = tf.saved_model.load(str(exported / "saved_model")).signatures["align"]
    outputs = align(image_a=tf.constant(image_a), image_b=tf.constant(image_b))
    h4pt, a_from_b, b_from_a = (outputs[name] for name in ("h4pt", "a_from_b", "b_from_a"))

    patches = [
        tf.image.resize(tf.cast(image[..., :1], tf.float32), [32, 32], antialias=True)
        for image in (image_a, image_b)
    ]
    expected = loading.predict_h4pt(model, tf.concat(patches, -1)[None])[0]
    np.testing.assert_allclose(h4pt, expected, atol=1e-2)

    # A corner of patch B, followed by hand: from B's pixels to the patch, to patch A, to A.
    scale_a = np.float32([shape_a[1], shape_a[0]]) / 32
    scale_b = np.float32([shape_b[1], shape_b[0]]) / 32
    corners = geometry.corners(32).numpy()
    in_a = geometry.transform_points(a_from_b, (corners + 0.5) * scale_b - 0.5)
    np.testing.assert_allclose(in_a, (corners + expected + 0.5) * scale_a - 0.5, atol=0.2)
    np.testing.assert_allclose(
        geometry.transform_points(b_from_a, in_a), (corners + 0.5) * scale_b - 0.5, atol=0.2
    )


def test_saved_model_refuses_other_channels(exported):
    align = tf.saved_model.load(str(exported / "saved_model")).signatures["align"]
    image = tf.zeros([50, 50, 2], tf.uint8)
    with pytest.raises(tf.errors.InvalidArgumentError, match="An image must be"):
        align(image_a=image, image_b=image)


def test_tflite_has_the_promised_interface_and_runs(exported, model, pairs):
    interpreter = litert.Interpreter(str(exported / "model.tflite"))
    interpreter.allocate_tensors()
    (given,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert given["shape"].tolist() == [1, 32, 32, 2]
    assert given["dtype"] == output["dtype"] == np.float32
    assert output["shape"].tolist() == [1, 4, 2]
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["pairs"], "outputs": ["h4pt"]}
    }
    for pair, expected in zip(pairs, loading.predict_h4pt(model, pairs), strict=True):
        interpreter.set_tensor(given["index"], pair[None])
        interpreter.invoke()
        np.testing.assert_allclose(interpreter.get_tensor(output["index"])[0], expected, atol=1e-3)


def test_a_file_that_differs_is_refused_and_removed(model, pairs, tmp_path, monkeypatch):
    (tmp_path / "model.keras").write_text("the last good file")
    wrong = {"model.keras": (formats.FORMATS["model.keras"][0], lambda _: lambda _: 0.0)}
    monkeypatch.setattr(formats, "FORMATS", wrong)
    with pytest.raises(ValueError, match=r"model\.keras differs from the model by .* px"):
        verified_export.export(model, tmp_path, pairs)
    assert os.listdir(tmp_path) == ["model.keras"]
    assert (tmp_path / "model.keras").read_text() == "the last good file"
