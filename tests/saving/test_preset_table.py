"""The table of presets, the model card made of it, and folders of a user's own presets."""

import json

import keras
import numpy as np
import pytest

import keras_homography
from keras_homography.saving import manifest, preset_table, pretrained
from keras_homography.utils import files
from keras_homography.utils.errors import UserError


def test_the_table_names_what_is_shipped_and_nothing_else():
    folder = files.packaged_file("saved_models", "presets.json").parent
    table = keras_homography.PresetModel.presets
    assert sorted(table) == pretrained.shipped_models()
    listed = {file.name: file for preset in table.values() for file in preset.files}
    assert set(listed) == set(manifest.read_manifest(folder))
    for name, file in listed.items():
        assert file.bytes == (folder / name).stat().st_size
        assert file.sha256 == manifest.digest(folder / name)


@pytest.mark.parametrize("name", ["homography", "homographynet", "matcher"])
def test_a_preset_is_the_shipped_model(name):
    network = keras_homography.PresetModel.from_preset(name)
    assert network.preset == name
    entry = keras_homography.PresetModel.presets[name]
    assert network.model.count_params() == entry.parameters
    assert entry.license == "Apache-2.0"


def test_the_model_card_shows_the_table():
    card = files.packaged_file("saved_models", "README.md").read_text(encoding="utf-8")
    assert preset_table.model_card() in card, "run python tests/studies/model_card.py"


def tiny():
    pairs = keras.Input([8, 8, 2])
    values = keras.layers.Dense(8)(keras.layers.Flatten()(pairs))
    return keras.Model(pairs, keras.layers.Reshape([4, 2], name="h4pt")(values), name="tiny")


def test_a_model_of_ones_own_comes_back(tmp_path):
    model = keras_homography.PresetModel(tiny())
    model.save_to_preset(tmp_path / "mine")
    again = keras_homography.PresetModel.from_preset(tmp_path / "mine")
    pairs = np.random.default_rng(0).uniform(0, 255, [2, 8, 8, 2]).astype(np.float32)
    np.testing.assert_array_equal(model(pairs), again(pairs))
    content = json.loads((tmp_path / "mine" / "preset.json").read_text())
    assert content["model"] == "tiny"
    again.save_to_preset(tmp_path / "mine")  # replaces what it wrote


def test_damaged_and_strange_folders_are_named(tmp_path):
    with pytest.raises(UserError, match=r"no preset 'resnet'.*homography, homographynet, matcher"):
        keras_homography.PresetModel.from_preset("resnet")
    model = keras_homography.PresetModel(tiny())
    model.save_to_preset(tmp_path)
    with (tmp_path / "model.keras").open("ab") as file:
        file.write(b"more")
    with pytest.raises(UserError, match="changed or damaged"):
        keras_homography.PresetModel.from_preset(tmp_path)
    with pytest.raises(UserError, match=r"model\.keras"):
        model.save_to_preset(tmp_path)
