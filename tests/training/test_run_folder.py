"""Which folders a run may begin or resume in."""

import dataclasses

import pytest
from helpers.tiny_runs import tiny_config

from keras_homography.training import run_folder
from keras_homography.utils import files
from keras_homography.utils.errors import UserError


@pytest.fixture
def config(tmp_path):
    return tiny_config(tmp_path / "run")


def test_a_new_and_an_empty_folder_are_accepted(config, tmp_path):
    run_folder.check_run_folder(config)
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    run_folder.check_run_folder(config)


def test_the_same_run_is_accepted_and_another_is_not(config):
    run_folder.prepare(config)
    run_folder.check_run_folder(config)
    with pytest.raises(UserError, match="other flags: --seed=0 there, --seed=7 here"):
        run_folder.check_run_folder(dataclasses.replace(config, seed=7))


def test_a_run_from_before_there_was_an_option_has_its_default(config):
    run_folder.prepare(config)
    run_flags = run_folder.pathlib.Path(config.output_dir) / "run.flags"
    lines = [line for line in run_flags.read_text().splitlines() if "max_residual" not in line]
    run_flags.write_text("\n".join(lines))
    run_folder.check_run_folder(config)
    with pytest.raises(UserError, match=r"other flags:  there, --max_residual=9.0 here"):
        run_folder.check_run_folder(dataclasses.replace(config, max_residual=9.0))


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 99},
        {"jit_compile": True},
        {"profile": True},
        {"gpus": 2},
        {"cache": "none"},
        {"workers": ("a:1", "b:2"), "task": 1},
    ],
)
def test_what_does_not_change_the_result_may_change(config, change):
    run_folder.prepare(config)
    run_folder.check_run_folder(dataclasses.replace(config, **change))


def test_a_folder_with_other_files_is_refused(config, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        run_folder.check_run_folder(config)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.txt"]


def test_a_file_is_no_folder(config, tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(UserError, match="is not a folder"):
        run_folder.check_run_folder(config)


def test_what_a_killed_process_left_half_written_is_removed(config, tmp_path):
    run_folder.prepare(config)
    with files.atomic_write(tmp_path / "run" / "model.keras") as leftover:
        leftover.touch()
    (tmp_path / "run" / "model.keras").rename(leftover)
    run_folder.prepare(config)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["run.flags"]


def test_workers_compare_what_they_must_share(config):
    other = dataclasses.replace(config, gpus=2, data_dir="elsewhere", cache="none", task=1)
    assert run_folder.shared_by_all_workers(config) == run_folder.shared_by_all_workers(other)
    other = dataclasses.replace(config, batch_size=8)
    assert run_folder.shared_by_all_workers(config) != run_folder.shared_by_all_workers(other)
