"""Atomic writes, packaged files, and folders that can be written."""

import pytest

from keras_homography.utils import files
from keras_homography.utils.errors import UserError


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "file.txt"
    files.write_text(path, "one")
    files.write_text(path, "two")
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced(tmp_path):
    path = tmp_path / "folder"
    for content in ("one", "two"):
        with files.atomic_write(path) as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
    assert [file.name for file in path.iterdir()] == ["two"]
    assert list(tmp_path.iterdir()) == [path]


def _write_and_fail(path, make):
    with files.atomic_write(path) as temporary:
        make(temporary)
        raise RuntimeError("interrupted")


@pytest.mark.parametrize(
    "make", [lambda path: path.write_text("half"), lambda path: path.mkdir(), lambda path: None]
)
def test_after_an_exception_the_file_is_unchanged(tmp_path, make):
    path = tmp_path / "file"
    path.write_text("good")
    with pytest.raises(RuntimeError, match="interrupted"):
        _write_and_fail(path, make)
    assert path.read_text() == "good"
    assert list(tmp_path.iterdir()) == [path]


def test_packaged_files_are_found():
    assert files.packaged_file("flags", "quickstart.flags").is_file()
    assert files.packaged_file("flags", "nothing.flags") is None


def test_skipped_files_are_recorded_and_logged(caplog):
    skipped = {}
    files.record_skipped("a/b.jpg", "truncated", skipped)
    assert skipped == {"a/b.jpg": "truncated"}
    assert "Skipped 'a/b.jpg': truncated" in caplog.text


def test_check_writable(tmp_path):
    files.check_writable(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is not a folder"):
        files.check_writable(tmp_path / "file" / "below")


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    with pytest.raises(UserError, match="no permission to write in"):
        files.check_writable(tmp_path / "run")


def test_leftovers_of_a_killed_process_are_removed(tmp_path):
    (tmp_path / "model.keras").write_text("whole")
    (tmp_path / "checkpoints" / "last").mkdir(parents=True)
    (tmp_path / "checkpoints" / "last" / "ckpt-8.index").write_text("whole")
    whole = set(tmp_path.rglob("*"))
    (tmp_path / "checkpoints" / "last" / "ckpt-12_temp").mkdir()
    (tmp_path / "checkpoints" / "last" / "ckpt-12_temp" / "part-0").write_text("half")
    (tmp_path / "checkpoints" / "last" / "ckpt-12.index.tempstate123").write_text("half")
    with files.atomic_write(tmp_path / "model.keras") as temporary:
        (tmp_path / f"{temporary.name}2").write_text("half")
        temporary.write_text("whole")
    files.remove_leftovers(tmp_path)
    assert set(tmp_path.rglob("*")) == whole
