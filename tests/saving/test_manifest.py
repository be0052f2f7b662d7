"""The list of exported files and their checksums."""

import hashlib
import json

import pytest

from keras_homography.saving import manifest
from keras_homography.utils.errors import UserError


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


def replace(folder, text):
    with manifest.replace(folder, "model") as temporary:
        temporary.write_text(text)


def test_a_listed_file_is_replaced_and_listed(tmp_path):
    for text in ("one", "two"):
        replace(tmp_path, text)
        assert (tmp_path / "model").read_text() == text
        assert manifest.read_manifest(tmp_path) == {"model": manifest.digest(tmp_path / "model")}
    assert set(json.loads((tmp_path / "manifest.json").read_text())) == {"schema_version", "sha256"}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_kill_at_any_moment_leaves_a_file_that_may_be_replaced(tmp_path, monkeypatch, moment):
    """Killed before the renaming, or after it and before the manifest is complete."""
    replace(tmp_path, "one")
    with monkeypatch.context() as patch:

        def killed(*arguments):
            raise SystemExit

        if moment == "before":
            patch.setattr(type(tmp_path), "replace", killed)
        else:
            patch.setattr(manifest, "write_manifest", killed)
        with pytest.raises(SystemExit):
            replace(tmp_path, "two")
    assert (tmp_path / "model").read_text() == {"before": "one", "after": "two"}[moment]
    replace(tmp_path, "three")
    assert (tmp_path / "model").read_text() == "three"


def test_what_appears_while_a_file_is_written_stays(tmp_path):
    def write():
        with manifest.replace(tmp_path, "model") as temporary:
            temporary.write_text("ours")
            (tmp_path / "model").write_text("mine")

    with pytest.raises(UserError, match="model is not as"):
        write()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_former_files_are_removed_if_they_are_as_listed(tmp_path):
    names = ["former", "changed", "current"]
    for name in [*names, "mine"]:
        (tmp_path / name).write_text("text")
    manifest.write_manifest(tmp_path, names)
    (tmp_path / "changed").write_text("mine")
    manifest.remove_former(tmp_path, ["former", "changed", "mine", "absent"])
    assert {path.name for path in tmp_path.iterdir()} == {
        *("changed", "current", "mine", "manifest.json"),
    }
    assert set(manifest.read_manifest(tmp_path)) == {"current"}
