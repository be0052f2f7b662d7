"""ONNX files, as ONNX Runtime reads them."""

import keras
import numpy as np
import onnxruntime
import pytest

from keras_homography.saving import formats, onnx_format, verified_export
from keras_homography.utils.errors import UserError


def test_homographynet_has_its_names_and_takes_any_number_of_pairs(
    small_model, small_pairs, tmp_path
):
    (difference,) = verified_export.export(small_model, tmp_path, small_pairs, ["onnx"]).values()
    assert difference < verified_export.TOLERANCE
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    assert [tensor.name for tensor in session.get_inputs()] == ["pairs"]
    assert [tensor.name for tensor in session.get_outputs()] == ["h4pt"]
    (one,) = session.run(["h4pt"], {"pairs": small_pairs[:1]})
    np.testing.assert_allclose(one, small_model(small_pairs[:1]), atol=1e-3)


def test_a_matcher_takes_images_of_any_size(exported_matcher, matcher, gray_images):
    read = formats.FORMATS["onnx"].read(exported_matcher / "model.onnx")
    for size in ((64, 96), (96, 32)):
        images = gray_images(*size)
        expected = matcher(images)
        outputs = read(images)
        assert set(outputs) == {"coarse", "fine", "reliability"}
        for name, value in outputs.items():
            np.testing.assert_allclose(value, expected[name], atol=1e-3)


@keras.saving.register_keras_serializable("tests")
class Repeating(keras.layers.Layer):
    def call(self, inputs):
        return inputs


def test_layers_that_do_not_convert_are_named(small_model, tmp_path):
    model = keras.Model(small_model.inputs, Repeating()(small_model.output))
    with pytest.raises(UserError, match=r"layers \(Repeating\) whose control flow .*tflite"):
        onnx_format.write(model, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_without_the_packages_it_says_what_to_install(small_model, tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_format, "_PACKAGES", ("tf2onnx", "no_such_package"))
    with pytest.raises(UserError, match=r"needs no_such_package: pip install .*\[onnx\]"):
        onnx_format.write(small_model, tmp_path / "model.onnx")
