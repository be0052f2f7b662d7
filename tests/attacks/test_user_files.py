"""Nothing that somebody else put into a folder is deleted or overwritten, and disks get full."""

import contextlib
import json
import resource
import subprocess

import cv2
import numpy as np
import pytest

from keras_homography import evaluation
from keras_homography.evaluation import measurement
from keras_homography.saving import manifest, model_export
from keras_homography.utils import files
from keras_homography.utils.errors import UserError
from keras_homography.visualization import alignment_overlays, image_output, stabilized_video

UUID = "0123456789ab4cde8f0123456789abcd"


def contents(folder):
    """`{path: content, link or None}` of all that a folder contains."""
    return {
        path: path.readlink() if path.is_symlink() else path.is_file() and path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


def test_resuming_removes_only_what_is_marked_as_ours(tmp_path):
    last = tmp_path / "checkpoints" / "last"
    names = [
        *("my_temp/a", ".12345678-a", ".deadbeef-b/c", "ckpt-8_temp/part-00000-of-00001.index"),
        *("x.tempstate12", "logs/.keras_homography-" + UUID, ".keras_homography-notes.txt"),
        *(f".keras_homography-{UUID}.txt~", f".keras_homography-{UUID[:-1]}"),
        *("checkpoints/last/notes_temp/a", "checkpoints/last/ckpt-8.index"),
        *("checkpoints/last/ckpt-9_temp/mine.txt", "checkpoints/ckpt-8.index.tempstate1"),
        *("checkpoints/last/ckpt-8.index.tempstate1.txt", "checkpoints/last/checkpoint.tmp"),
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("mine")
    (tmp_path / "link_temp").symlink_to(tmp_path / "my_temp")
    (tmp_path / f".keras_homography-{UUID}").symlink_to(tmp_path / "my_temp")
    (last / "ckpt-7_temp").symlink_to(tmp_path / "my_temp")
    before = contents(tmp_path)
    ours = [
        last / "ckpt-12_temp" / "part-00000-of-00001.data-00000-of-00001",
        last / "ckpt-9_temp" / "part-00000-of-00001.index.tempstate77",
        last / "ckpt-12.index.tempstate123",
        last / f"checkpoint.tmp{UUID}",
        tmp_path / f".keras_homography-{UUID}.keras",
    ]
    with files.atomic_write(tmp_path / "killed") as temporary:
        temporary.touch()
    (tmp_path / "killed").rename(temporary)
    for path in ours:
        path.parent.mkdir(exist_ok=True)
        path.write_text("half")
    files.remove_leftovers(tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "name",
    [
        "model.tflite",
        "model.keras/mine.txt",
        "saved_model/mine.txt",
        "parity.json",
        "manifest.json",
    ],
)
def test_an_export_refuses_to_replace_what_it_did_not_write(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text('{"name": "my web page", "icons": []}')
    before = contents(tmp_path)
    config = model_export.ExportConfig(output_dir=str(tmp_path))
    with pytest.raises(UserError, match="is not as this program wrote it"):
        model_export.export_model(config, lambda size: pytest.fail("It began to work."))
    assert contents(tmp_path) == before


@pytest.mark.parametrize("change", ["text", "link"])
def test_an_export_refuses_to_replace_what_was_changed(tmp_path, change):
    path = tmp_path / "model.tflite"
    path.write_text("exported")
    manifest.write_manifest(tmp_path, ["model.tflite"])
    manifest.check_replaceable(tmp_path, ["model.tflite", "model.keras"])
    if change == "text":
        path.write_text("mine")
    else:
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"model\.tflite is not as this program wrote it"):
        manifest.check_replaceable(tmp_path, ["model.tflite", "model.keras"])


def evaluate(output_dir):
    config = evaluation.EvaluateConfig(
        model=("identity",), dataset="synthetic", pairs=3, output_dir=str(output_dir)
    )
    return evaluation.run(config)


@pytest.mark.long
def test_evaluate_leaves_files_of_others_alone(tmp_path, monkeypatch):
    """Also what is put there while it measures, and what is named like its own."""
    output_dir = tmp_path / "link"
    (tmp_path / "real").mkdir()
    output_dir.symlink_to(tmp_path / "real")
    mine = {"error_mine.png", "sheet_mine.jpg", "thesis.tex"}
    for name in mine - {"thesis.tex"}:
        (output_dir / name).write_text("mine")
    measure = measurement.measure

    def measure_and_add(*arguments):
        (output_dir / "thesis.tex").write_text("mine")
        return measure(*arguments)

    monkeypatch.setattr(measurement, "measure", measure_and_add)
    for _ in range(2):  # over its own files, too
        evaluate(output_dir)
    assert output_dir.is_symlink()
    assert {name for name in mine if (output_dir / name).read_text() == "mine"} == mine
    assert json.loads((output_dir / "metrics.json").read_text())["pairs"] == 3
    listed = manifest.read_manifest(output_dir)
    assert {path.name for path in output_dir.iterdir()} == {*listed, *mine, "manifest.json"}


@pytest.mark.parametrize("name", ["metrics.json", "error_distribution.png", "run.flags"])
def test_evaluate_refuses_before_it_measures(tmp_path, monkeypatch, name):
    monkeypatch.setattr(measurement, "measure", lambda *_: pytest.fail("It measured."))
    (tmp_path / name).write_text("mine")
    with pytest.raises(UserError, match="is not as this program wrote it"):
        evaluate(tmp_path)
    (tmp_path / "nowhere").symlink_to(tmp_path / "nothing")
    with pytest.raises(UserError, match="is a link to nothing"):
        evaluate(tmp_path / "nowhere")
    assert (tmp_path / name).read_text() == "mine"


@pytest.mark.long
def test_evaluate_writes_into_a_mount_point(tmp_path):
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path], capture_output=True).returncode:
        pytest.skip("Only root can mount.")
    try:
        evaluate(tmp_path)
        assert (tmp_path / "report.html").exists()
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@contextlib.contextmanager
def files_of_at_most(size):
    """What a full disk does: writing beyond so many bytes of a file fails."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def noise(seed=0):
    return np.random.default_rng(seed).integers(0, 256, [240, 320, 3], np.uint8)


def write_video(path):
    with stabilized_video.open_writer(path, noise(), 320) as append:
        for number in range(10):
            append(noise(number), np.eye(3))


WRITERS = {
    "a.png": lambda path: image_output.write_png(path, noise()),
    "a.jpg": lambda path: image_output.write_jpeg(path, noise()),
    "a.gif": lambda path: alignment_overlays.write_blink(path, noise(), noise(1)),
    "a.mp4": write_video,
    "a.txt": lambda path: files.write_text(path, "text" * 50_000),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_leaves_the_old_file_whole(tmp_path, name):
    path = tmp_path / name
    WRITERS[name](path)
    whole = path.read_bytes()
    with files_of_at_most(len(whole) // 2), pytest.raises(OSError, match=rf"{name}"):
        WRITERS[name](path)
    assert contents(tmp_path) == {path: whole}


def test_a_video_that_cannot_be_read_back_replaces_nothing(tmp_path, monkeypatch):
    path = tmp_path / "a.mp4"
    path.write_text("old")

    class Writer:
        """Says that all is well, and writes nothing."""

        def __init__(self, *arguments):
            self.release, self.write = lambda: None, lambda frame: None
            self.isOpened = lambda: True

        fourcc = staticmethod(cv2.VideoWriter.fourcc)

    monkeypatch.setattr(cv2, "VideoWriter", Writer)
    with pytest.raises(OSError, match=r"a\.mp4 cannot be written"):
        write_video(path)
    assert contents(tmp_path) == {path: b"old"}
