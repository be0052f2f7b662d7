"""Model files of strangers: nothing in them runs, nothing waits, nothing fills the memory."""

import io
import json
import os
import pathlib
import shutil
import socket
import tempfile
import threading
import time
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest
import tensorflow as tf
from helpers import fuzzing, tflite_files

import keras_homography
from keras_homography.saving import loading, manifest, networks, pretrained, untrusted_tflite
from keras_homography.utils import files
from keras_homography.utils.errors import UserError

MEMBERS = ("metadata.json", "config.json", "model.weights.h5")


@pytest.fixture(scope="module")
def shipped():
    """The shipped files of a format: their bytes."""
    return {
        suffix: files.packaged_file("saved_models", f"homography{suffix}").read_bytes()
        for suffix in (".keras", ".tflite")
    }


class WritesAFile(tf.Module):
    """A SavedModel that maps pairs to corner offsets, and does something else besides."""

    def __init__(self, path):
        super().__init__()
        self._path = path

    @tf.function(input_signature=[tf.TensorSpec([None, 32, 32, 2], tf.float32, "pairs")])
    def __call__(self, pairs):
        with tf.control_dependencies([tf.io.write_file(self._path, "here")]):
            return {"h4pt": tf.zeros([tf.shape(pairs)[0], 4, 2])}


def test_a_saved_model_with_a_manifest_of_its_own_does_not_run(tmp_path):
    """Whoever can send the model can send the manifest."""
    module = WritesAFile(str(tmp_path / "written"))
    folder = tmp_path / "model" / "saved_model"
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.__call__})
    manifest.write_manifest(folder.parent, ["saved_model"])
    with pytest.raises(UserError, match=r"not written by this installation.*--trust_model"):
        networks.open_network(folder)
    with pytest.raises(UserError, match="not written by this installation"):
        keras_homography.HomographyEstimator(folder)
    assert not (tmp_path / "written").exists()
    network = networks.open_network(folder, trust=True)
    network(np.zeros([1, 32, 32, 2], np.float32))
    assert (tmp_path / "written").exists()  # it would have


def test_a_tflite_file_of_built_in_operators_needs_no_manifest(shipped, tmp_path):
    (tmp_path / "mine.tflite").write_bytes(shipped[".tflite"] + b"\0")  # another checksum
    assert networks.open_network(tmp_path / "mine.tflite").patch_size == 128


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (tflite_files.model(operator=32, custom_code="Evil"), "operator 'Evil'"),
        (tflite_files.model(operator=32, custom_code="FlexWriteFile"), "operator 'FlexWriteFile'"),
        (tflite_files.model(operator=0, custom_code="Evil"), "operator 'Evil'"),
        (tflite_files.model(operator=51), "operator DELEGATE"),
        (tflite_files.model(operator=173), "operator STABLEHLO_CUSTOM_CALL"),
        (tflite_files.model(operator=5000), "operator 5000"),
        (tflite_files.model(shape=[1, 2**30, 2**30]), "more memory"),
        (tflite_files.model(shape=[1, -5, 4]), "no tensor"),
        (
            tflite_files.model(shape=[1, 1, 1, 2**15], shape_signature=[1, -1, -1, 2**15]),
            "more memory",  # of an image
        ),
        (tflite_files.model(opcode_index=7), "damaged"),
        (tflite_files.model(inputs=[0, 99]), "damaged"),
        (tflite_files.model(inputs=[0, -7]), "damaged"),
        (tflite_files.model(buffer=9), "damaged"),
        (tflite_files.model(data=b"12"), "damaged"),
        (tflite_files.model(identifier=b"TFL2"), "no TFLite file"),
        (b"", "no TFLite file"),
        (b"\xff" * 64, "no TFLite file"),
        (b"\xff\xff\xff\x7fTFL3" + bytes(64), "damaged"),
        (bytes(4) + b"TFL3" + bytes(64), "damaged"),
    ],
)
def test_tflite_files_with_foreign_operators_or_damage_are_refused(tmp_path, model, reason):
    path = tmp_path / "model.tflite"
    path.write_bytes(model)
    with pytest.raises(UserError, match=reason):
        networks.open_network(path)


def test_the_file_that_the_refused_ones_are_made_of_is_accepted():
    untrusted_tflite.check(tflite_files.model(), "model.tflite")
    for signature in ([1, -1, -1, 4], [-1, 1, 1, 4]):
        model = tflite_files.model(shape=[1, 1, 1, 4], shape_signature=signature)
        untrusted_tflite.check(model, "model.tflite")


def test_a_tflite_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "huge.tflite"
    with path.open("wb") as file:
        file.truncate(2**33)  # sparse
    begin = time.monotonic()
    with pytest.raises(UserError, match="larger than"):
        networks.open_network(path)
    assert time.monotonic() - begin < 5


def test_damaged_tflite_files_are_checked_within_bounds(shipped):
    """Truncated anywhere, or with changed offsets: checked, or a `UserError`, soon."""
    data, outcomes = shipped[".tflite"], []
    tables = data[:256], data[-4096:]
    for number in range(300):
        begin, end = (fuzzing.mutated(number, [part]) for part in tables)
        outcomes.append(outcome(begin + data[256:-4096] + end))
        outcomes.append(outcome(data[: number * len(data) // 300]))
    assert outcomes.count("refused") > 300
    assert outcomes.count("accepted") > 0


def outcome(data):
    try:
        untrusted_tflite.check(data, "model.tflite")
    except UserError:
        return "refused"
    return "accepted"


def archive(path, compression=zipfile.ZIP_DEFLATED, **contents):
    """Write an archive with the members of a `.keras` file."""
    with zipfile.ZipFile(path, "w", compression) as target:
        for name in MEMBERS:
            target.writestr(name, contents.get(name.split(".")[0], b"{}"))
    return path


def peak_of_refusal(path, reason):
    """Fail unless a file is refused; return how many bytes that took."""
    tracemalloc.start()
    with pytest.raises(UserError, match=reason):
        loading.load_model(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("member", ["config", "metadata", "model"])
def test_an_archive_that_unpacks_to_much_more_is_not_unpacked(tmp_path, member):
    path = archive(tmp_path / "model.keras", **{member: bytes(2**26)})
    assert path.stat().st_size < 2**17
    assert peak_of_refusal(path, "too large") < 2**24


def test_an_archive_that_lies_about_its_sizes_is_not_unpacked(tmp_path):
    path = archive(tmp_path / "model.keras", config=b'["' + b"x" * 2**26 + b'"]')
    data = path.read_bytes()
    size = (2**26 + 4).to_bytes(4, "little")
    assert data.count(size) == 2  # in the member's header, and in the directory
    path.write_bytes(data.replace(size, (1000).to_bytes(4, "little")))
    assert peak_of_refusal(path, "Cannot read") < 2**24


def test_weights_that_unpack_to_much_more_are_not_read(shipped, tmp_path):
    """An HDF5 file within the archive has a compression of its own."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_dataset("a", (2**30,), "f4", chunks=(2**20,), compression="gzip", fillvalue=0)
        file["a"][: 2**20] = 0.0
    with zipfile.ZipFile(io.BytesIO(shipped[".keras"])) as real:
        config = real.read("config.json")
    path = archive(tmp_path / "model.keras", config=config, model=buffer.getvalue())
    assert peak_of_refusal(path, "weights .* unpack") < 2**26


@pytest.mark.parametrize(
    "element",
    [
        {"module": "keras.layers", "class_name": "deserialize"},
        {"module": "keras.layers", "class_name": "serialize"},
        {"module": "keras.initializers", "class_name": "get"},
        {"module": "keras.src.models.model", "class_name": "model_from_json"},
        {"module": "keras_homography.utils.files", "class_name": "pathlib"},
        {"module": "keras_homography.saving.loading", "class_name": "load_model"},
    ],
)
def test_functions_are_no_layers(shipped, tmp_path, element):
    with zipfile.ZipFile(io.BytesIO(shipped[".keras"])) as real:
        config, weights = json.loads(real.read("config.json")), real.read("model.weights.h5")
    element |= {"config": {"config": {}}, "registered_name": None}
    config["config"]["layers"][1]["config"]["activation"] = element
    path = archive(
        tmp_path / "model.keras", zipfile.ZIP_STORED, config=json.dumps(config), model=weights
    )
    with pytest.raises(UserError, match=f"holds '{element['class_name']}'.*can run any code"):
        loading.load_model(path)


@pytest.mark.parametrize(
    "name", ["x" * 5000, "../model.tflite", "/etc/passwd", "a/b", "", ".", "..", "a\0b", "a\\b"]
)
def test_names_in_a_manifest_stay_in_its_folder(tmp_path, name):
    listed = {"schema_version": 1, "sha256": {name: "0" * 64, "model.keras": "not a checksum"}}
    (tmp_path / manifest.MANIFEST).write_text(json.dumps(listed))
    assert manifest.read_manifest(tmp_path) == {}
    (tmp_path / "model.tflite").write_text("")
    manifest.write_manifest(tmp_path, ["model.tflite"])
    assert list(manifest.read_manifest(tmp_path)) == ["model.tflite"]


def test_a_manifest_that_is_huge_or_a_pipe_lists_nothing(tmp_path):
    with (tmp_path / manifest.MANIFEST).open("wb") as file:
        file.truncate(2**33)
    assert manifest.read_manifest(tmp_path) == {}
    (tmp_path / manifest.MANIFEST).unlink()
    os.mkfifo(tmp_path / manifest.MANIFEST)
    assert within_seconds(lambda: manifest.read_manifest(tmp_path)) == {}


def within_seconds(function, seconds=30):
    """Return what a function returns, or the `UserError` it raises; fail if it never ends."""
    results = []

    def call():
        try:
            results.append(function())
        except UserError as error:
            results.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    assert results, "It waits for ever, or raised something else."
    return results[0]


@pytest.mark.parametrize("suffix", [".keras", ".tflite", ""])
@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "link"])
def test_pipes_sockets_and_devices_are_not_opened(kind, suffix, trust):
    with tempfile.TemporaryDirectory() as folder:  # a socket's name must be short
        path, listener = pathlib.Path(folder, f"model{suffix}"), socket.socket(socket.AF_UNIX)
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "socket":
            listener.bind(str(path))
        elif kind == "device":
            path.symlink_to("/dev/zero")
        else:
            os.mkfifo(path.with_name("pipe"))
            path.symlink_to(path.with_name("pipe"))
        with listener:
            for open_it in (networks.open_network, loading.load_model):
                error = within_seconds(lambda open_it=open_it: open_it(path, trust=trust))
                assert str(path) in str(error)
            error = within_seconds(lambda: pretrained.resolve_model(path, (suffix,)))
            assert isinstance(error, UserError)


@pytest.mark.parametrize("trust", [False, True])
def test_a_pipe_within_a_saved_model_is_not_opened(tmp_path, trust):
    (tmp_path / "model" / "variables").mkdir(parents=True)
    os.mkfifo(tmp_path / "model" / "saved_model.pb")
    error = within_seconds(lambda: networks.open_network(tmp_path / "model", trust=trust))
    assert "saved_model.pb" in str(error)
    (tmp_path / "model" / "saved_model.pb").unlink()
    (tmp_path / "model" / "saved_model.pb").write_text("")
    os.mkfifo(tmp_path / "model" / "variables" / "variables.index")
    error = within_seconds(lambda: networks.open_network(tmp_path / "model", trust=trust))
    assert "variables.index" in str(error)


class BytesPath:
    """Claims to be a path, and is none of text."""

    def __fspath__(self):
        return b"model.keras"


@pytest.mark.parametrize("model", ["", ".", 5, b"x", 1.5, [], {}, object(), "a\0b", "x" * 5000])
def test_what_is_no_name_of_a_model_is_a_users_mistake(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for number in range(3):
        (tmp_path / f"{number}.txt").write_text("read by nobody")
    monkeypatch.setattr(
        manifest.hashlib, "file_digest", lambda *_: pytest.fail("hashes the working folder")
    )
    for open_it in (networks.open_network, keras_homography.HomographyEstimator):
        with pytest.raises(UserError, match=r"(?i)model"):
            open_it(model)
    with pytest.raises(UserError, match=r"(?i)model"):
        loading.load_model(model)


def test_a_path_of_bytes_is_a_users_mistake():
    for open_it in (networks.open_network, loading.load_model):
        with pytest.raises(UserError, match=r"(?i)model"):
            open_it(BytesPath())


def test_an_installation_believes_what_it_wrote_wherever_that_is_moved(tmp_path):
    import keras

    from keras_homography import models
    from keras_homography.saving import verified_export

    keras.utils.set_random_seed(0)
    model = models.build("homographynet", patch_size=32, rho=8, width=0.05)
    pairs = np.random.default_rng(0).uniform(0, 255, [2, 32, 32, 2]).astype(np.float32)
    verified_export.export(model, tmp_path, pairs, ["saved_model"])
    shutil.move(tmp_path / "saved_model", tmp_path / "elsewhere")
    (tmp_path / manifest.MANIFEST).unlink()
    assert networks.open_network(tmp_path / "elsewhere").patch_size == 32
    (tmp_path / "elsewhere" / "assets" / "extra.txt").write_text("")
    with pytest.raises(UserError, match="not written by this installation"):
        networks.open_network(tmp_path / "elsewhere")
