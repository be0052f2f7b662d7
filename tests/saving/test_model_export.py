"""An export from a configuration: the files, the report, and the mistakes."""

import dataclasses
import json

import keras
import pytest

from keras_homography import models
from keras_homography.saving import formats, model_export
from keras_homography.utils.errors import UserError


@pytest.fixture
def config(exported, tmp_path):
    return model_export.ExportConfig(
        model=str(exported / "model.keras"), formats=("keras",), output_dir=str(tmp_path / "out")
    )


def test_the_report_is_returned_and_written(config, small_pairs, tmp_path):
    report = model_export.export_model(config, lambda input_shape: small_pairs)
    written = json.loads((tmp_path / "out" / "parity.json").read_text())
    assert written["files"] == report
    assert written["pairs"] == 4
    assert report["model.keras"] == {
        "written": True,
        "largest_difference_px": 0.0,
        "bytes": (tmp_path / "out" / "model.keras").stat().st_size,
    }


def test_pairs_are_made_for_the_input_of_the_model(config, small_pairs):
    shapes = []
    model_export.export_model(config, lambda shape: shapes.append(shape) or [small_pairs])
    assert shapes == [(None, 32, 32, 2)]


def test_an_optional_file_that_differs_is_reported_another_is_an_error(
    config, small_pairs, tmp_path, monkeypatch, capsys
):
    for name in ("int8", "tflite"):
        form = formats.FORMATS[name]
        copy = dataclasses.replace(
            form,
            write=lambda model, path: path.write_text("not the model"),
            read=lambda path: lambda pairs: {"h4pt": pairs[:, :4, :2, 0]},
        )
        monkeypatch.setitem(formats.FORMATS, name, copy)
    config = dataclasses.replace(config, formats=("int8", "keras"))
    report = model_export.export_model(config, lambda size: small_pairs)
    assert not report["model_int8.tflite"]["written"]
    assert report["model_int8.tflite"]["reason"] in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "manifest.json",
        "model.keras",
        "parity.json",
    }
    config = dataclasses.replace(config, formats=("tflite",))
    with pytest.raises(UserError, match=r"model\.tflite differs from the model"):
        model_export.export_model(config, lambda size: small_pairs)


def test_a_model_of_half_precision_is_refused(config, tmp_path):
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = models.build("homographynet", patch_size=32, rho=8, width=0.05)
    finally:
        keras.config.set_dtype_policy(policy)
    model.save(tmp_path / "half.keras")
    config = dataclasses.replace(config, model=str(tmp_path / "half.keras"))
    with pytest.raises(UserError, match="computes in bfloat16"):
        model_export.export_model(config, lambda size: None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("names", [(), ("onxx",), ("keras", "tflight")])
def test_formats_that_do_not_exist_are_refused(names):
    with pytest.raises(UserError, match=r"--formats=.*give some of keras, saved_model, tflite"):
        model_export.ExportConfig(formats=names)


def test_the_report_of_a_matcher_counts_images_and_has_no_pixels(
    exported_matcher, gray_images, tmp_path, capsys
):
    config = model_export.ExportConfig(
        model=str(exported_matcher / "model.keras"), formats=("keras",), output_dir=str(tmp_path)
    )
    batches = [gray_images(96, 96), gray_images(64, 160)[:1]]
    report = model_export.export_model(config, lambda input_shape: batches)
    assert set(report["model.keras"]) == {"written", "largest_difference", "bytes"}
    assert json.loads((tmp_path / "parity.json").read_text())["images"] == 3
    assert "px" not in capsys.readouterr().out
