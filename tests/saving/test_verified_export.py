"""Exported files, each in the way that a user loads it, against the model they came from."""

import dataclasses
import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import interpreter as litert

from keras_homography import geometry
from keras_homography.saving import formats, loading, manifest, verified_export


def test_every_file_is_compared(exported_with_parity):
    _, parity = exported_with_parity
    assert set(parity) == {"model.keras", "saved_model", "model.tflite"}
    assert 0 < max(parity.values()) <= verified_export.TOLERANCE


def test_nothing_else_is_left_behind(exported):
    assert {path.name for path in exported.iterdir()} == {
        "model.keras",
        "saved_model",
        "model.tflite",
        "manifest.json",
    }


@pytest.mark.long
def test_keras_file_loads_where_this_package_was_never_imported(
    exported, small_model, small_pairs, tmp_path
):
    np.save(tmp_path / "pairs.npy", small_pairs)
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
    expected = loading.predict_h4pt(small_model, small_pairs)
    assert np.abs(expected).max() > 1.0
    np.testing.assert_allclose(h4pt, expected, atol=1e-3)
    assert len(names) == 1


def test_saved_model_serves_stacked_patches(exported, small_model, small_pairs):
    serve = tf.saved_model.load(str(exported / "saved_model")).signatures["serving_default"]
    np.testing.assert_allclose(
        serve(pairs=tf.constant(small_pairs))["h4pt"],
        loading.predict_h4pt(small_model, small_pairs),
        atol=1e-3,
    )


@pytest.mark.parametrize(
    ("shape_a", "shape_b"), [((32, 32, 1), (32, 32, 1)), ((240, 320, 3), (60, 200, 1))]
)
def test_saved_model_aligns_images_of_any_size(exported, small_model, images, shape_a, shape_b):
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
    expected = loading.predict_h4pt(small_model, tf.concat(patches, -1)[None])[0]
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


def test_tflite_has_the_promised_interface_and_runs(exported, small_model, small_pairs):
    interpreter = litert.Interpreter(str(exported / "model.tflite"))
    interpreter.allocate_tensors()
    (given,), (output,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert given["shape"].tolist() == [1, 32, 32, 2]
    assert given["dtype"] == output["dtype"] == np.float32
    assert output["shape"].tolist() == [1, 4, 2]
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["pairs"], "outputs": ["h4pt"]}
    }
    for pair, expected in zip(
        small_pairs, loading.predict_h4pt(small_model, small_pairs), strict=True
    ):
        interpreter.set_tensor(given["index"], pair[None])
        interpreter.invoke()
        np.testing.assert_allclose(interpreter.get_tensor(output["index"])[0], expected, atol=1e-3)


@pytest.fixture
def wrong(monkeypatch):
    """All files are read back as functions that are 9 px off for some of the pairs."""

    def spoil(name, model, share):
        def predict(pairs):
            h4pt = loading.predict_h4pt(model, pairs)
            h4pt[: round(share * len(pairs))] += 9.0
            return {"h4pt": h4pt}

        changed = dataclasses.replace(
            formats.FORMATS[name],
            write=lambda model, path: path.touch(),
            read=lambda path: predict,
        )
        monkeypatch.setitem(formats.FORMATS, name, changed)

    return spoil


def test_a_file_that_differs_is_refused_and_removed(small_model, small_pairs, tmp_path, wrong):
    (tmp_path / "model.keras").write_text("the last good file")
    manifest.write_manifest(tmp_path, ["model.keras"])
    wrong("keras", small_model, share=1.0)
    with pytest.raises(verified_export.ParityError, match=r"model\.keras differs .* by 9 px"):
        verified_export.export(small_model, tmp_path, small_pairs)
    assert set(os.listdir(tmp_path)) == {"model.keras", "manifest.json"}
    assert (tmp_path / "model.keras").read_text() == "the last good file"


def test_one_lost_pair_in_four_is_too_many_for_a_lossy_file(
    small_model, small_pairs, tmp_path, wrong
):
    """Of a float32 file the median alone decides: rounding can send a lost pair anywhere."""
    wrong("keras", small_model, share=0.25)
    parity = verified_export.export(small_model, tmp_path, small_pairs, ["keras"])
    assert parity["model.keras"] == pytest.approx(9.0, abs=1e-3)
    wrong("float16", small_model, share=0.25)
    with pytest.raises(verified_export.ParityError, match=r"25\.0% of the pairs"):
        verified_export.export(small_model, tmp_path, small_pairs, ["float16"])
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras", "manifest.json"}


def test_color_images_are_aligned_as_gray_ones(exported, images):
    """Gray as OpenCV makes it, but for its rounding to integers."""
    rng = np.random.default_rng(0)
    tint = np.float32([0.9, 0.6, 0.8])
    color = [np.uint8(tint * image * rng.uniform(0.7, 1.0, [1, 1, 3])) for image in images[:2]]
    gray = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None] for image in color]
    align = tf.saved_model.load(str(exported / "saved_model")).signatures["align"]
    of_color, of_gray = (
        align(image_a=tf.constant(a), image_b=tf.constant(b))["h4pt"] for a, b in (color, gray)
    )
    np.testing.assert_allclose(of_color, of_gray, atol=0.05)
