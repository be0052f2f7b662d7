"""The program that writes a model for other places."""

import json

import keras
import numpy as np
import pytest
from helpers import programs

from keras_homography import models
from keras_homography.saving import feature_networks, formats, loading


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a small model, `m.keras`, and a small matcher, `matcher.keras`."""
    folder = tmp_path_factory.mktemp("export")
    keras.utils.set_random_seed(0)
    models.build("homographynet", patch_size=32, rho=8, width=0.05).save(folder / "m.keras")
    models.build("matcher", width=0.1).save(folder / "matcher.keras")
    return folder


def export(folder, *arguments):
    return programs.run("keras_homography.export", *arguments, cwd=folder)


@pytest.mark.long
def test_every_format_is_written_and_compared(folder):
    result = export(folder, "--model=m.keras", "--pairs=4", "--output_dir=out")
    assert result.returncode == 0, result.stderr
    files = json.loads((folder / "out" / "parity.json").read_text())["files"]
    assert set(files) == {formats.FORMATS[name].file_name for name in formats.DEFAULT_FORMATS}
    assert {path.name for path in (folder / "out").iterdir()} == {
        *files,
        "parity.json",
        "manifest.json",
    }
    pair = np.random.default_rng(0).uniform(0, 255, [1, 32, 32, 2]).astype(np.float32)
    expected = loading.predict_h4pt(loading.load_model(folder / "m.keras"), pair)
    found = formats.FORMATS["float16"].read(folder / "out" / "model_float16.tflite")(pair)
    np.testing.assert_allclose(found["h4pt"], expected, atol=0.05)


@pytest.mark.long
def test_a_matcher_is_compared_on_images_of_two_sizes(folder):
    result = export(
        folder,
        "--model=./matcher.keras",
        "--formats=float16",
        "--pairs=3",
        "--output_dir=features",
    )
    assert result.returncode == 0, result.stderr
    assert json.loads((folder / "features" / "parity.json").read_text())["images"] == 3
    image = np.random.default_rng(0).uniform(0, 255, [1, 64, 96, 1]).astype(np.float32)
    found, expected = (
        feature_networks.open_matcher(folder / name)(image)
        for name in ("features/model_float16.tflite", "matcher.keras")
    )
    for value, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(value, other, atol=0.05)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--model=none.keras"], "none.keras"),
        (["--model=m.keras", "--formats=onxx"], "onxx"),
        (["--model=m.keras", "--formats="], "formats"),
        (["--model=m.keras", "--output_dir=m.keras"], "not a folder"),
    ],
)
def test_mistakes_are_named(folder, arguments, says):
    result = export(folder, *arguments)
    assert result.returncode == 2
    assert says in result.stderr
    assert "Traceback" not in result.stderr
