"""The list of SavedModels that this installation wrote."""

import concurrent.futures
import json
import os
import pathlib

import pytest

from keras_homography.saving import written_models
from keras_homography.utils import operating_system

ONE, TWO = "1" * 64, "2" * 64


@pytest.fixture(autouse=True)
def path(tmp_path, monkeypatch):
    """Of a list that does not exist yet."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return written_models.list_path()


def test_what_was_recorded_is_known_and_nothing_else(path, tmp_path):
    assert path == tmp_path / "keras_homography" / "written_models.json"
    assert not written_models.is_recorded(ONE)
    assert list(tmp_path.iterdir()) == []  # a question writes nothing
    for _ in range(2):
        written_models.record(ONE)
    assert written_models.is_recorded(ONE)
    assert not written_models.is_recorded(TWO)
    assert json.loads(path.read_text()) == {"schema_version": 1, "sha256": [ONE]}
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"sha256": 3}', '{"sha256": [3, null, "x"]}', "[" * 10_000, "\xff"],
)
def test_a_damaged_list_knows_nothing_and_is_written_anew(path, text):
    path.parent.mkdir()
    path.write_text(text, encoding="latin-1")
    path.chmod(0o600)
    assert not written_models.is_recorded(ONE)
    written_models.record(ONE)
    assert written_models.is_recorded(ONE)


def test_the_list_is_bounded(path, monkeypatch):
    monkeypatch.setattr(written_models, "_MAX_ENTRIES", 3)
    digests = [f"{number:064x}" for number in range(5)]
    for digest in digests:
        written_models.record(digest)
    assert [written_models.is_recorded(digest) for digest in digests] == [False] * 2 + [True] * 3
    with path.open("wb") as file:
        file.truncate(2**33)
    assert not written_models.is_recorded(digests[-1])


def test_a_full_list_of_the_largest_size_is_read():
    entries = json.dumps({"schema_version": 1, "sha256": [ONE] * 10_000}, indent=0)
    assert written_models._MAX_ENTRIES == 10_000
    assert len(entries) < written_models._MAX_BYTES


def test_processes_that_write_at_once_lose_nothing():
    digests = [f"{number:064x}" for number in range(16)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(written_models.record, digests))
    assert all(map(written_models.is_recorded, digests))


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_list_that_others_can_write_is_not_believed(path, mode):
    written_models.record(ONE)
    path.chmod(mode)
    assert not written_models.is_recorded(ONE)


def test_a_list_of_another_user_is_not_believed(monkeypatch):
    written_models.record(ONE)
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    assert not written_models.is_recorded(ONE)


def test_a_pipe_in_its_place_is_not_read(path):
    path.parent.mkdir()
    os.mkfifo(path)
    assert not written_models.is_recorded(ONE)


def test_where_nothing_can_be_written_a_warning_says_what_follows(path, caplog):
    path.parent.write_text("no folder")
    written_models.record(ONE)
    assert "will open with --trust_model only" in caplog.text
    assert not written_models.is_recorded(ONE)


def test_places_of_the_list(monkeypatch):
    """The environment of Windows is replaced: this is not Windows."""
    monkeypatch.setenv("HOME", "/home/me")
    for value in ("", "relative"):
        monkeypatch.setenv("XDG_DATA_HOME", value)
        assert written_models.list_path() == pathlib.Path(
            "/home/me/.local/share/keras_homography/written_models.json"
        )
    monkeypatch.setattr(operating_system, "is_windows", lambda: True)
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert written_models.list_path() == pathlib.Path("/local/keras_homography/written_models.json")
