"""Models that are not ours, or not as they were exported, are not opened."""

import io
import json
import shutil
import zipfile

import h5py
import keras
import numpy as np
import pytest
from helpers import programs

from keras_homography.saving import (
    formats,
    loading,
    manifest,
    networks,
    verified_export,
)
from keras_homography.utils import files
from keras_homography.utils.errors import UserError

PAIR = np.zeros([1, 32, 32, 2], np.float32)
RUN_FILES = [formats.FORMATS[name].file_name for name in formats.RUN_FORMATS]


@pytest.mark.parametrize("name", RUN_FILES)
def test_what_was_exported_is_opened_also_under_another_name(exported, tmp_path, name):
    assert networks.open_network(exported / name).patch_size == 32
    copy = shutil.copytree if (exported / name).is_dir() else shutil.copy
    copy(exported / name, tmp_path / f"other{(exported / name).suffix}")
    shutil.copy(exported / manifest.MANIFEST, tmp_path)
    assert networks.open_network(tmp_path / f"other{(exported / name).suffix}").patch_size == 32


def test_what_ships_is_opened_anywhere(tmp_path):
    shutil.copy(files.packaged_file("saved_models", "homography.tflite"), tmp_path / "copy.tflite")
    assert networks.open_network(tmp_path / "copy.tflite").patch_size == 128


def test_a_saved_model_that_has_changed_is_refused_before_it_runs(exported, tmp_path):
    folder = tmp_path / "saved_model"
    shutil.copytree(exported / "saved_model", folder)
    assert networks.open_network(folder).patch_size == 32
    (folder / "assets" / "extra.txt").write_text("")
    shutil.copy(exported / manifest.MANIFEST, tmp_path)
    manifest.write_manifest(tmp_path, ["saved_model"])
    with pytest.raises(UserError, match=r"not written by this installation.*--trust_model"):
        networks.open_network(folder)
    assert networks.open_network(folder, trust=True).patch_size == 32


def test_a_saved_model_of_another_installation_is_refused(exported, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(UserError, match="not written by this installation"):
        networks.open_network(exported / "saved_model")


def lambda_model():
    pairs = keras.Input((32, 32, 2))
    x = keras.layers.Lambda(lambda x: x + 1)(pairs)
    x = keras.layers.Reshape((4, 2))(keras.layers.Dense(8)(keras.layers.Flatten()(x)))
    return keras.Model(pairs, x)


@keras.saving.register_keras_serializable("elsewhere")
class Foreign(keras.layers.Layer):
    """A registered class of somebody else."""

    def call(self, x):
        return x


def foreign_model():
    pairs = keras.Input((32, 32, 2))
    x = keras.layers.Flatten()(Foreign()(pairs))
    return keras.Model(pairs, keras.layers.Reshape((4, 2))(keras.layers.Dense(8)(x)))


@pytest.mark.parametrize(
    ("build", "name"), [(lambda_model, "'Lambda'"), (foreign_model, f"'Foreign' of {__name__}")]
)
def test_code_of_others_in_a_keras_file_is_refused(tmp_path, build, name):
    path = tmp_path / "model.keras"
    build().save(path)
    with pytest.raises(ValueError, match=f"holds {name}.*can run any code.*--trust_model"):
        loading.load_model(path)
    assert loading.load_model(path, trust=True).output_shape == (None, 4, 2)


def rewritten(source, target, change):
    """A `.keras` file whose configuration went through `change`."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                data = json.dumps(change(json.loads(data))).encode()
            new.writestr(name, data)
    return target


def with_activation(config, activation):
    for layer in config["config"]["layers"]:
        if layer["class_name"] == "Conv2D":
            layer["config"]["activation"] = activation
    return config


@pytest.mark.parametrize(
    "activation",
    [
        {"class_name": "function", "config": "system", "module": "os"},
        {"class_name": "function", "config": "get_file", "module": "keras.utils"},
        {
            "class_name": "__lambda__",
            "config": {"value": "4wE=", "defaults": None, "closure": None},
        },
        {"class_name": "enable_unsafe_deserialization", "config": {}, "module": "keras.config"},
        {"class_name": "Popen", "config": {"args": "true"}, "module": "subprocess"},
    ],
)
def test_calls_hidden_in_a_configuration_are_refused(exported, tmp_path, activation):
    path = rewritten(
        exported / "model.keras",
        tmp_path / "model.keras",
        lambda config: with_activation(config, activation),
    )
    with pytest.raises(ValueError, match="can run any code"):
        loading.load_model(path)


def test_an_optimizer_is_not_built(exported, tmp_path):
    """Nor a loss: models are loaded without."""
    arguments = ["touch", str(tmp_path / "ran")]
    hostile = {"class_name": "Popen", "config": {"args": arguments}, "module": "subprocess"}
    path = rewritten(
        exported / "model.keras",
        tmp_path / "model.keras",
        lambda config: config | {"compile_config": {"optimizer": hostile, "loss": hostile}},
    )
    assert not loading.load_model(path).compiled
    assert not (tmp_path / "ran").exists()


def test_a_foreign_class_under_another_name_is_refused(tmp_path):
    """Keras builds what is registered, whatever the module and the class say."""
    foreign_model().save(tmp_path / "foreign.keras")

    def disguise(config):
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "Foreign":
                layer |= {"class_name": "Dropout", "module": "keras.layers"}
        return config

    path = rewritten(tmp_path / "foreign.keras", tmp_path / "model.keras", disguise)
    with pytest.raises(ValueError, match="can run any code"):
        loading.load_model(path)


def test_another_format_under_the_same_checks_is_refused(exported, tmp_path):
    """A file that is an archive and HDF5 at once: Keras goes by the name."""
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file["kernel"] = np.ones(3)
    path.write_bytes(path.read_bytes() + (exported / "model.keras").read_bytes())
    with pytest.raises(ValueError, match=r"must end in \.keras"):
        loading.load_model(path)


def test_a_damaged_or_encrypted_archive_is_no_model(exported, tmp_path):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(name, b"x" * 1000)
    data = bytearray(path.read_bytes())
    place = data.index(b"config.json") + len("config.json")
    for number in (0, 3):
        data[place + number] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(ValueError, match="Cannot read"):
        loading.load_model(path)


def test_a_trusted_model_is_exported_again(tmp_path):
    lambda_model().save(tmp_path / "model.keras")
    model = loading.load_model(tmp_path / "model.keras", trust=True)
    (tmp_path / "out").mkdir()
    assert verified_export.export(model, tmp_path / "out", PAIR, ["keras"]) == {"model.keras": 0.0}


@pytest.mark.parametrize("name", ["../escaped.txt", "/tmp/escaped.txt", "assets/x", "model.pkl"])
def test_an_archive_with_other_members_is_refused(exported, tmp_path, name):
    folder = tmp_path / "within"
    folder.mkdir()
    path = folder / "model.keras"
    shutil.copy(exported / "model.keras", path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, "escaped")
    with pytest.raises(ValueError, match="no model of ours does"):
        loading.load_model(path)
    assert not (tmp_path / "escaped.txt").exists()


def external(file, secret):
    file["layers"] = h5py.ExternalLink(str(secret), "kernel")


def dangling_first(file, secret):
    file["aaa"] = h5py.SoftLink("/missing")
    external(file, secret)


def cycle(file, secret):
    file["a"] = file["/"]


def virtual(file, secret):
    layout = h5py.VirtualLayout(shape=(3,), dtype="f8")
    layout[:] = h5py.VirtualSource(str(secret), "kernel", shape=(3,))
    file.create_virtual_dataset("layers", layout)


@pytest.mark.parametrize("spoil", [external, dangling_first, cycle, virtual])
def test_weights_in_other_files_are_refused(exported, tmp_path, spoil):
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["kernel"] = np.ones(3)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        spoil(file, secret)
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(exported / "model.keras") as old, zipfile.ZipFile(path, "w") as new:
        new.writestr("metadata.json", old.read("metadata.json"))
        new.writestr("config.json", old.read("config.json"))
        new.writestr("model.weights.h5", buffer.getvalue())
    with pytest.raises(ValueError, match="lie in other files"):
        loading.load_model(path)


def test_a_folder_linked_into_a_saved_model_is_refused(exported, tmp_path):
    shutil.copytree(exported / "saved_model", tmp_path / "saved_model")
    (tmp_path / "saved_model" / "variables").rename(tmp_path / "elsewhere")
    (tmp_path / "saved_model" / "variables").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="a link to a folder"):
        networks.open_network(tmp_path / "saved_model")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 no archive"])
def test_what_is_no_archive_is_no_model(tmp_path, content):
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(ValueError, match=r"Cannot read .* as a Keras model"):
        loading.load_model(tmp_path / "model.keras")


@pytest.mark.parametrize("program", ["evaluate", "export", "train"])
def test_programs_refuse_in_one_line(tmp_path, program):
    path = tmp_path / "lambda.keras"
    lambda_model().save(path)
    flag = {"train": "initial_weights"}.get(program, "model")
    result = programs.run(
        f"keras_homography.{program}",
        f"--{flag}={path}",
        "--dataset=synthetic",
        f"--output_dir={tmp_path}/out",
    )
    assert result.returncode == 2
    assert "holds 'Lambda'" in result.stderr
    assert "--trust_model" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "out").exists()


NOTHING_UNPICKLED = """
import sys
def audit(event, arguments):
    if event == "pickle.find_class":
        raise RuntimeError(f"unpickled {arguments}")
sys.addaudithook(audit)
import numpy as np
import keras_homography
from keras_homography.saving import networks
for path in sys.argv[1:]:
    network = networks.open_network(path)
    size = network.patch_size
    assert network(np.zeros([1, size, size, 2], np.float32)).shape == (1, 4, 2)
assert keras_homography.load_pretrained()(np.zeros([1, 128, 128, 2])).shape == (1, 4, 2)
keras_homography.HomographyEstimator()
"""


@pytest.mark.long
def test_nothing_is_unpickled(exported):
    paths = [str(exported / name) for name in RUN_FILES]
    result = programs.run_code(NOTHING_UNPICKLED, *paths)
    assert result.returncode == 0, result.stderr


def test_shipped_files_are_those_of_their_manifest_and_of_the_model_card():
    listed = json.loads(files.packaged_file("saved_models", manifest.MANIFEST).read_text())[
        "sha256"
    ]
    card = files.packaged_file("saved_models", "README.md").read_text(encoding="utf-8")
    shipped = ("homography", "homographynet", "matcher")
    names = [f"{name}.{suffix}" for name in shipped for suffix in ("keras", "tflite")]
    assert sorted(listed) == names
    for name, value in listed.items():
        assert manifest.digest(files.packaged_file("saved_models", name)) == value
        assert value in card
