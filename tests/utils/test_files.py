"""Files are whole or not there."""

import pytest

from keras_homography.utils import files


def test_replacing_a_file(tmp_path):
    path = tmp_path / "file.txt"
    files.write_text(path, "one")
    files.write_text(path, "two")
    assert path.read_text() == "two"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_a_folder(tmp_path):
    path = tmp_path / "folder"
    for content in ("one", "two"):
        with files.atomic_write(path) as beside:
            beside.mkdir()
            (beside / content).write_text(content)
    assert [file.name for file in path.iterdir()] == ["two"]
    assert list(tmp_path.iterdir()) == [path]


def _write_and_fail(path, make):
    with files.atomic_write(path) as beside:
        make(beside)
        raise RuntimeError("interrupted")


@pytest.mark.parametrize(
    "make", [lambda path: path.write_text("half"), lambda path: path.mkdir(), lambda path: None]
)
def test_a_failure_leaves_what_was_there(tmp_path, make):
    path = tmp_path / "file"
    path.write_text("good")
    with pytest.raises(RuntimeError, match="interrupted"):
        _write_and_fail(path, make)
    assert path.read_text() == "good"
    assert list(tmp_path.iterdir()) == [path]


def test_resources_are_found():
    assert files.packaged_file("flags", "quickstart.flags").is_file()
    assert files.packaged_file("flags", "nothing.flags") is None


def test_check_writable(tmp_path):
    files.check_writable(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is not a folder"):
        files.check_writable(tmp_path / "file" / "below")


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    with pytest.raises(ValueError, match="no permission to write in"):
        files.check_writable(tmp_path / "run")


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / "model.keras").write_text("whole")
    (tmp_path / "checkpoints" / "last").mkdir(parents=True)
    (tmp_path / "checkpoints" / "last" / "ckpt-8.index").write_text("whole")
    whole = set(tmp_path.rglob("*"))
    (tmp_path / "checkpoints" / "last" / "ckpt-12_temp").mkdir()
    (tmp_path / "checkpoints" / "last" / "ckpt-12_temp" / "part-0").write_text("half")
    (tmp_path / "checkpoints" / "last" / "ckpt-12.index.tempstate123").write_text("half")
    with files.atomic_write(tmp_path / "model.keras") as beside:
        (tmp_path / f"{beside.name}2").write_text("half")
        beside.write_text("whole")
    files.remove_leftovers(tmp_path)
    assert set(tmp_path.rglob("*")) == whole
