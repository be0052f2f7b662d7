"""The list of exported files and their checksums."""

import hashlib
import json

import pytest

from keras_homography.saving import manifest


def test_digest_of_a_file_is_its_sha256(tmp_path):
    (tmp_path / "file").write_bytes(b"abc")
    assert manifest.digest(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()


def test_digest_of_a_folder_covers_names_and_contents(tmp_path):
    def folder(name, **members):
        (tmp_path / name).mkdir()
        for member, text in members.items():
            (tmp_path / name / member).write_text(text)
        return manifest.digest(tmp_path / name)

    first = folder("first", a="1", b="2")
    assert folder("same", b="2", a="1") == first
    assert len({first, folder("renamed", a="1", c="2"), folder("changed", a="1", b="3")}) == 3
    assert folder("swapped", a="2", b="1") != first


def test_a_link_to_a_folder_is_refused(tmp_path):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "variables").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="variables, a link to a folder"):
        manifest.digest(tmp_path / "model")


def test_entries_are_added_and_those_without_a_file_dropped(tmp_path):
    for name in ("old", "gone", "new"):
        (tmp_path / name).write_text(name)
    manifest.write_manifest(tmp_path, ["old", "gone"])
    (tmp_path / "gone").unlink()
    manifest.write_manifest(tmp_path, ["new"])
    assert manifest.read_manifest(tmp_path) == {
        name: hashlib.sha256(name.encode()).hexdigest() for name in ("new", "old")
    }
    assert json.loads((tmp_path / "manifest.json").read_text())["schema_version"] == 1


@pytest.mark.parametrize("text", [None, "", "[]", '{"sha256": 3}', '{"sha1": {"model": "0"}}'])
def test_a_missing_or_damaged_manifest_lists_nothing(tmp_path, text):
    if text is not None:
        (tmp_path / manifest.MANIFEST).write_text(text)
    assert manifest.read_manifest(tmp_path) == {}
