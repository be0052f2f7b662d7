"""Run folders that strangers made, disks damaged, or two processes want at once."""

import json
import os
import pathlib
import shutil
import threading

import numpy as np
import pytest
from helpers.tiny_runs import TinyRun, tiny_config, tiny_model

from keras_homography import models, training
from keras_homography.training import checkpoint_files, run_folder
from keras_homography.utils.errors import UserError


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of ten steps, checkpoints at 8 and 10; not to be changed."""
    folder = tmp_path_factory.mktemp("trained")
    run = TinyRun(folder).fit(10)
    return folder, run.weights


@pytest.fixture
def folder(trained, tmp_path):
    """A copy of the run."""
    shutil.copytree(trained[0], tmp_path / "run")
    return tmp_path / "run"


def snapshot(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("part", ["last", "best"])
@pytest.mark.parametrize("form", ["{outside}/ckpt-8", "../../../outside/ckpt-8", "sub/ckpt-8"])
def test_an_index_that_leads_outside_restores_and_deletes_nothing(folder, tmp_path, form, part):
    """With the files there: they would be restored, and deleted once newer ones are saved."""
    outside = tmp_path / "outside"
    shutil.copytree(folder / "checkpoints" / "last", outside)
    shutil.copytree(outside, folder / "checkpoints" / part / "sub")
    name = form.format(outside=outside)
    (folder / "checkpoints" / part / "checkpoint").write_text(
        f'model_checkpoint_path: "ckpt-10"\nall_model_checkpoint_paths: "{name}"\n'
        'all_model_checkpoint_paths: "ckpt-10"\n'
    )
    before = snapshot(tmp_path)
    with pytest.raises(UserError, match=r"is no checkpoint of this folder.*Nothing was restored"):
        TinyRun(folder)
    assert snapshot(tmp_path) == before


def damage(path, kind):
    data = bytearray(path.read_bytes())
    if kind == "cut":
        del data[len(data) // 2 :]
    elif kind == "empty":
        data.clear()
    elif kind == "zeros":
        data = bytearray(len(data))
    else:
        for place in range(0, len(data), 97):
            data[place] ^= 0x55
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["cut", "empty", "zeros", "bits"])
@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(folder, kind, suffix, capsys):
    damage(folder / "checkpoints" / "last" / f"ckpt-10.{suffix}", kind)
    run = TinyRun(folder)
    assert run.resumed_at == 8
    assert [entry["step"] for entry in run.checkpoints.history] == [4, 8]
    printed = capsys.readouterr().out
    assert "Checkpoints that cannot be read: step 10" in printed
    assert "step 8: what was learned after it is lost" in printed
    run.fit(12)
    assert TinyRun(folder).resumed_at == 12


def test_a_missing_checkpoint_falls_back_too(folder):
    for path in (folder / "checkpoints" / "last").glob("ckpt-10.*"):
        path.unlink()
    assert TinyRun(folder).resumed_at == 8


def test_it_ends_like_a_run_that_was_not_damaged(folder, trained):
    damage(folder / "checkpoints" / "last" / "ckpt-10.data-00000-of-00001", "bits")
    np.testing.assert_allclose(TinyRun(folder).fit(10).weights, trained[1], atol=1e-5)


def test_if_no_checkpoint_can_be_read_nothing_is_begun_anew(folder):
    for path in (folder / "checkpoints" / "last").glob("ckpt-*.data*"):
        damage(path, "cut")
    before = snapshot(folder)
    with pytest.raises(UserError, match=r"No checkpoint in .*last can be read: step 10 .* step 8"):
        TinyRun(folder)
    assert snapshot(folder) == before


@pytest.mark.parametrize("content", [None, b"", b"no index", b"\xff\xfe", b"x" * 2**20])
def test_a_damaged_index_is_made_from_the_files(folder, trained, content):
    index = folder / "checkpoints" / "last" / "checkpoint"
    index.unlink() if content is None else index.write_bytes(content)
    run = TinyRun(folder)
    assert run.resumed_at == 10
    np.testing.assert_array_equal(run.weights, trained[1])
    assert checkpoint_files.list_names(index.parent) == ["ckpt-10", "ckpt-8"]


@pytest.mark.parametrize("content", [None, b"", b"[", b"{}", b'[{"loss": 1}]', b"[" * 10_000])
def test_a_damaged_history_is_read_from_its_copy(folder, content, capsys):
    path = folder / "history.json"
    expected = json.loads(path.read_text())
    path.unlink() if content is None else path.write_bytes(content)
    assert TinyRun(folder).checkpoints.history == expected
    assert f"{path} cannot be read" in capsys.readouterr().out


def test_without_a_copy_the_weights_go_on(folder, trained, capsys):
    (folder / "history.json").write_text("damaged")
    (folder / "checkpoints" / "history.json").unlink()
    run = TinyRun(folder)
    np.testing.assert_array_equal(run.weights, trained[1])
    assert run.checkpoints.history == []
    assert "figures of the rounds before step 10 are lost" in capsys.readouterr().out
    assert [entry["step"] for entry in run.fit(12).checkpoints.history] == [12]


def test_a_pipe_in_the_place_of_a_file_is_not_read(folder):
    for path in (folder / "history.json", folder / "checkpoints" / "last" / "checkpoint"):
        path.unlink()
        os.mkfifo(path)
    runs = []
    thread = threading.Thread(target=lambda: runs.append(TinyRun(folder)), daemon=True)
    thread.start()
    thread.join(60)
    assert [run.resumed_at for run in runs] == [10]


def test_the_best_weights_that_cannot_be_read_are_said_to_be_lost(folder, trained, capsys):
    (best,) = (folder / "checkpoints" / "best").glob("*.data*")
    damage(best, "bits")
    run = TinyRun(folder)
    assert "The weights of the best round" in capsys.readouterr().out
    assert run.checkpoints.best_step == 10  # the last ones
    run.checkpoints.restore_best()
    np.testing.assert_array_equal(run.weights, trained[1])
    run.fit(12)
    assert run.checkpoints.best_step == 12
    assert TinyRun(folder).checkpoints.best_step == 12


@pytest.fixture
def tiny_architecture(monkeypatch):
    monkeypatch.setattr(models, "build", lambda name, **options: tiny_model())


def test_a_second_run_in_a_folder_is_told_who_trains_there(tmp_path, tiny_architecture):
    config = tiny_config(tmp_path / "run")
    with run_folder.locked(config):
        before = snapshot(tmp_path)
        with pytest.raises(UserError, match=f"is in use by process {os.getpid()} on"):
            training.run(config)
        assert snapshot(tmp_path) == before
    assert not (tmp_path / "run" / "run.lock").exists()


def test_two_runs_that_begin_at_once_do_not_mix(tmp_path, tiny_architecture):
    config = tiny_config(tmp_path / "run")
    with run_folder.locked(config):
        run_folder.prepare(config)
    other = tiny_config(tmp_path / "run", seed=7)
    with pytest.raises(UserError, match="other flags"), run_folder.locked(other):
        pytest.fail("trains another run in the same folder")


def test_a_lock_that_a_killed_process_left_is_taken_over(tmp_path, tiny_architecture):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.lock").write_text('{"pid": 1, "host": "elsewhere"}')
    config = tiny_config(tmp_path / "run")
    run_folder.check_run_folder(config)
    run_folder.check_unlocked(config)
    with run_folder.locked(config):
        text = pathlib.Path(tmp_path / "run" / "run.lock").read_text()
        assert json.loads(text)["pid"] == os.getpid()
