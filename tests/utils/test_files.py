"""Atomic writes, packaged files, and folders that can be written."""

import errno
import os
import pathlib
import re
import threading

import pytest
import tensorflow as tf

from keras_homography.utils import files
from keras_homography.utils.errors import UserError

# Of a checkpoint, and folders, which are made with their files.
WHOLE = r"\./(checkpoint|ckpt-\d+(\.index|\.data-00000-of-00001|_temp))"


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
    part = "part-00000-of-00001.data-00000-of-00001.tempstate123"
    (tmp_path / "checkpoints" / "last" / "ckpt-12_temp" / part).write_text("half")
    (tmp_path / "checkpoints" / "last" / "ckpt-12.index.tempstate123").write_text("half")
    with files.atomic_write(tmp_path / "model.keras") as temporary:
        temporary.write_text("whole")
    temporary.write_text("half")
    files.remove_leftovers(tmp_path)
    assert set(tmp_path.rglob("*")) == whole


def test_tensorflow_names_what_it_writes_as_we_expect(tmp_path):
    """While a checkpoint is written, all that is there is a checkpoint or known as unfinished."""
    last = tmp_path / "checkpoints" / "last"
    last.mkdir(parents=True)
    seen, done = set(), threading.Event()

    def watch():
        while not done.is_set():
            for parent, folders, names in os.walk(last):
                seen.update(os.path.join(os.path.relpath(parent, last), n) for n in folders + names)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        variables = {f"v{i}": tf.Variable(tf.zeros([10_000])) for i in range(4)}
        manager = tf.train.CheckpointManager(tf.train.Checkpoint(**variables), str(last), 2)
        for number in range(10):
            manager.save(checkpoint_number=number)
    finally:
        done.set()
        watcher.join()
    for path in last.iterdir():
        path.unlink()
    for name in seen:
        if not re.fullmatch(WHOLE, name):
            (last / name).parent.mkdir(exist_ok=True)
            (last / name).touch()
    files.remove_leftovers(tmp_path)
    assert list(last.iterdir()) == []


def test_a_folder_comes_back_if_it_cannot_be_replaced(tmp_path, monkeypatch):
    path = tmp_path / "folder"
    path.mkdir()
    (path / "whole").touch()
    rename = pathlib.Path.rename

    def fail(source, target):
        if source.name.startswith(".keras_homography-") and not (source / "whole").exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))
        return rename(source, target)

    monkeypatch.setattr(pathlib.Path, "rename", fail)
    with pytest.raises(OSError, match="No space"), files.atomic_write(path) as temporary:
        temporary.mkdir()
    assert list(tmp_path.rglob("*")) == [path, path / "whole"]


def test_an_error_names_the_file_that_was_to_be_written(tmp_path):
    with pytest.raises(OSError, match=r"'.*/no/a\.txt'"):
        files.write_text(tmp_path / "no" / "a.txt", "text")


@pytest.mark.parametrize("name", ["a b/c-1_(2).MP4", "x.avi"])
def test_a_plain_path_is_used_as_it_is(tmp_path, name):
    with files.plain_path(tmp_path / name) as plain:
        assert plain == str(tmp_path / name)


@pytest.mark.parametrize("name", ["\udcff.avi", "\u00e9.avi", "%d.avi", "a:b.avi", "new\nline.avi"])
def test_a_plain_path_leads_to_the_file(tmp_path, name):
    with files.plain_path(tmp_path / name) as plain:
        assert plain.isascii()
        assert plain.endswith("/link.avi")
        pathlib.Path(plain).write_text("written")
    assert (tmp_path / name).read_text() == "written"
    assert not os.path.lexists(plain)


def test_without_links_a_name_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("os.symlink", lambda *_: (_ for _ in ()).throw(NotImplementedError))
    with pytest.raises(UserError, match="rename it"), files.plain_path(tmp_path / "\udcff.avi"):
        pass


def test_a_name_that_is_not_utf8_is_refused_where_it_must_be(tmp_path):
    files.check_utf8(tmp_path / "\u00e9\n")
    with pytest.raises(UserError, match=r"cannot write to '.*\\udcff'"):
        files.check_utf8(tmp_path / "\udcff")


def test_a_link_to_nothing_is_no_folder(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    with pytest.raises(UserError, match="is a link to nothing"):
        files.check_writable(tmp_path / "link" / "below")
