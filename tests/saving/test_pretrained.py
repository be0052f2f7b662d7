"""The shipped models: there, small, exact, and the same in TFLite."""

import functools
import os
import zipfile

import numpy as np
import pytest
from ai_edge_litert import interpreter as litert
from helpers import programs

import keras_homography
from keras_homography.data import batching, distortions, synthetic_source
from keras_homography.data.pair_spec import PairSpec
from keras_homography.evaluation import metrics
from keras_homography.saving import feature_networks, manifest, networks, pretrained
from keras_homography.utils import files
from keras_homography.utils.errors import UserError


@pytest.fixture(scope="module")
def model():
    return keras_homography.load_pretrained()


@pytest.fixture(scope="module")
def predicted(model):
    """A function of a distortion: patches, offsets, and the offsets that the model predicts."""

    @functools.cache
    def predict(distortion):
        patches, h4pt = make_pairs(distortion)
        return patches, h4pt, model(patches).numpy()

    return predict


def make_pairs(distortion):
    batches = batching.pair_batches(
        synthetic_source.SyntheticSource(240, 320),
        PairSpec(),
        seed=10**6,  # far from the seed of its training
        batch_size=32,
        distort=distortions.get_distortion(distortion) if distortion else None,
    )
    patches, h4pt = next(iter(batches))
    return patches.numpy(), h4pt.numpy()


@pytest.mark.long
@pytest.mark.parametrize(
    ("distortion", "median"), [(None, 0.02), ("photometric", 0.5), ("occlusion", 0.1)]
)
def test_accuracy(predicted, distortion, median):
    _, h4pt, predictions = predicted(distortion)
    errors = metrics.corner_errors(h4pt, predictions)
    assert np.median(errors) < median
    assert (errors < 1).mean() > 0.8


def test_files_are_small():
    assert files.packaged_file("saved_models", "homography.keras").stat().st_size < 1e6
    assert files.packaged_file("saved_models", "homography.tflite").stat().st_size < 4e6


@pytest.mark.long
@pytest.mark.parametrize("distortion", [None, "occlusion"])
def test_tflite_gives_the_same(predicted, distortion):
    """On pairs that are done at once and on pairs that are looked at again."""
    patches, _, predictions = predicted(distortion)
    interpreter = litert.Interpreter(str(files.packaged_file("saved_models", "homography.tflite")))
    operators = {operator["op_name"] for operator in interpreter._get_ops_details()}
    assert not any(name.startswith(("Flex", "CUSTOM")) for name in operators)
    run = interpreter.get_signature_runner()
    found = np.concatenate([run(pairs=pair[None])["h4pt"] for pair in patches[:12]])
    np.testing.assert_allclose(found, predictions[:12], atol=0.01)


def test_keras_opens_the_file_once_the_package_is_imported():
    path = files.packaged_file("saved_models", "homography.keras")
    program = (
        "import keras_homography, tensorflow as tf\n"
        f"model = tf.keras.models.load_model({str(path)!r})\n"
        "print(model.input_shape, model.output_shape)"
    )
    result = programs.run_code(program, cwd=os.sep)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "(None, 128, 128, 2) (None, 4, 2)"


def test_unknown_names_are_refused_with_those_that_exist(exported):
    names = ", ".join(pretrained.shipped_models())
    assert "homography" in names
    with pytest.raises(UserError, match=rf"no shipped model 'resnet'; there are: {names}\."):
        keras_homography.load_pretrained("resnet")
    with pytest.raises(UserError, match="load_model"):
        keras_homography.load_pretrained(str(exported / "model.keras"))


def test_a_missing_file_is_explained(monkeypatch):
    monkeypatch.setattr(files, "packaged_file", lambda folder, name: None)
    for find in (keras_homography.load_pretrained, pretrained.resolve_model):
        with pytest.raises(UserError, match=r"homography\.keras is missing .* Install the package"):
            find("homography")


@pytest.mark.parametrize("name", ["matcher", "homographynet"])
def test_a_name_that_should_be_shipped_is_not_called_unknown(name, monkeypatch):
    monkeypatch.setattr(files, "packaged_file", lambda folder, name: None)
    with pytest.raises(UserError, match=rf"saved_models/{name}\.keras is missing"):
        keras_homography.load_pretrained(name)


def test_every_manifest_entry_is_a_shipped_model():
    listed = manifest.read_manifest(files.packaged_file("saved_models", "manifest.json").parent)
    for suffix in (".keras", ".tflite"):
        names = [name.removesuffix(suffix) for name in listed if name.endswith(suffix)]
        assert pretrained.shipped_models([suffix]) == sorted(names)


@pytest.mark.parametrize("name", ["homography", "shipped"])
def test_names_of_shipped_models_come_before_paths(name, tmp_path, monkeypatch):
    (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    shipped = files.packaged_file("saved_models", "homography.keras")
    assert pretrained.resolve_model(name) == shipped
    assert pretrained.resolve_model(name, (".tflite", ".keras")).suffix == ".tflite"
    assert pretrained.resolve_model(name, (pretrained.SAVED_MODEL, ".keras")) == shipped
    assert pretrained.resolve_model(f"./{name}", (pretrained.SAVED_MODEL,)).is_dir()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "none.keras",
            r"no model 'none\.keras': give the path of a \.keras file.*\(homography, .*\)",
        ),
        ("homographie", "no model 'homographie'"),
        ("./homography", r"no model '\./homography'"),
        ("README.md", r"no model 'README\.md'"),
        ("model.h5", r"model\.h5 cannot be opened .* must be a \.keras file"),
        ("without_suffix", "cannot be opened"),
        ("folder.keras", "cannot be opened"),
    ],
)
def test_paths_of_no_model_are_refused(name, reason, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.h5").touch()
    (tmp_path / "without_suffix").touch()
    (tmp_path / "folder.keras").mkdir()
    with pytest.raises(UserError, match=reason):
        pretrained.resolve_model(name)


def test_the_matcher_is_shipped_for_both():
    """The `.keras` file and the TFLite file give the same features of one image."""
    image = np.random.default_rng(0).uniform(0, 255, [1, 96, 128, 1]).astype(np.float32)
    shipped = files.packaged_file("saved_models", "matcher.keras")
    expected = feature_networks.open_matcher(shipped)(image)
    for output, value in zip(feature_networks.open_matcher()(image), expected, strict=True):
        np.testing.assert_allclose(output, value, atol=0.01)
    assert files.packaged_file("saved_models", "matcher.tflite").stat().st_size < 8e6
    assert keras_homography.load_pretrained("matcher").input_shape == (None, None, None, 1)


@pytest.mark.long
def test_homographynet_is_the_papers_network_with_weights_that_any_keras_loads(predicted):
    """In both forms, of Keras's own layers, and it knows something: identity is 25 px off."""
    path = files.packaged_file("saved_models", "homographynet.keras")
    with zipfile.ZipFile(path) as archive:
        assert b"keras_homography" not in archive.read("config.json")
    patches, h4pt, _ = predicted(None)
    predictions = keras_homography.load_pretrained("homographynet").predict(patches, verbose=0)
    tflite = networks.open_network("homographynet")
    np.testing.assert_allclose(tflite(patches[:1]), predictions[:1], atol=0.5)
    assert metrics.corner_errors(h4pt, predictions).mean() < 12.0
    for suffix in ("keras", "tflite"):
        shipped = files.packaged_file("saved_models", f"homographynet.{suffix}")
        assert shipped.stat().st_size < 9e6
