"""Folder of a training run: may a run begin or resume there, its lock, and its `run.flags`."""

import contextlib
import pathlib
from collections.abc import Iterator

from keras_homography.saving import formats, manifest
from keras_homography.training import training_flags
from keras_homography.training.config import TrainConfig
from keras_homography.utils import files, operating_system
from keras_homography.utils.errors import UserError

_RUN_FLAGS, _LOCK = "run.flags", "run.lock"
# Options that change neither the weights nor the pairs that are learned from.
_FREE_TO_CHANGE = (
    "steps",
    "gpus",
    "workers",
    "task",
    "jit_compile",
    "steps_per_execution",
    "profile",
    "output_dir",
    "data_dir",
    "cache",
    "data_service",
    "make_pairs_on",
    "trust_model",
    "allow_network",
)
_OF_ONE_WORKER = ("gpus", "task", "data_dir", "cache", "data_service")


def check_run_folder(config: TrainConfig) -> None:
    """Check that a run can begin, or resume, in its folder.

    Args:
      config: Of the run.

    Raises:
      UserError: The folder holds a run with other flags, or other files, or cannot be written.
    """
    output_dir = pathlib.Path(config.output_dir)
    files.check_writable(output_dir)
    files.check_utf8(output_dir)
    names = [formats.FORMATS[name].file_name for name in formats.RUN_FORMATS]
    manifest.check_replaceable(output_dir, names)
    run_flags = output_dir / _RUN_FLAGS
    if not run_flags.exists():
        if output_dir.exists() and any(path.name != _LOCK for path in output_dir.iterdir()):
            raise UserError(
                f"{output_dir} is not empty and holds no run of this program. Give another "
                "--output_dir."
            )
        return
    stored, requested = (
        set(_without(text, _FREE_TO_CHANGE))
        for text in (run_flags.read_text(encoding="utf-8"), training_flags.flags_text(config))
    )
    # A run that began before there was an option has its default.
    requested -= _newer_defaults(config, stored)
    if stored != requested:
        raise UserError(
            f"{output_dir} holds a run with other flags: {' '.join(sorted(stored - requested))} "
            f"there, {' '.join(sorted(requested - stored))} here. Use the same flags, or another "
            "--output_dir."
        )


def check_unlocked(config: TrainConfig) -> None:
    """Raise a `UserError` that names the process that trains in the folder, if there is one."""
    operating_system.check_unlocked(pathlib.Path(config.output_dir) / _LOCK)


@contextlib.contextmanager
def locked(config: TrainConfig) -> Iterator[None]:
    """Create the folder and keep other trainings out of it, until the block or the process ends.

    Args:
      config: Of the run.

    Raises:
      UserError: Another process trains there, or has made it the folder of another run.
    """
    output_dir = pathlib.Path(config.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    with operating_system.exclusive_lock(output_dir / _LOCK):
        check_run_folder(config)  # again: another run may have begun since
        yield


def prepare(config: TrainConfig) -> None:
    """Create the folder, remove what a killed process left half-written, write `run.flags`.

    Args:
      config: Of the run.
    """
    output_dir = pathlib.Path(config.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    files.remove_leftovers(output_dir)
    files.write_text(output_dir / _RUN_FLAGS, training_flags.flags_text(config))


def shared_by_all_workers(config: TrainConfig) -> str:
    """Return the flags that have to be the same on every worker, one a line."""
    return "\n".join(_without(training_flags.flags_text(config), _OF_ONE_WORKER))


def _newer_defaults(config: TrainConfig, stored: set[str]) -> set[str]:
    """Return the lines of options at their defaults that a stored flag file does not have."""
    defaults = type(config)(output_dir=config.output_dir)
    names = {_name(line) for line in stored}
    lines = training_flags.flags_text(defaults).splitlines()
    return {line for line in lines if _name(line) not in names}


def _name(line: str) -> str:
    """Return which option a line of a flag file is about."""
    return line.split("=")[0].removeprefix("--no").removeprefix("--")


def _without(text: str, names: tuple[str, ...]) -> list[str]:
    """Return the lines of a flag file except those of some flags."""
    excluded = {f"--{prefix}{name}" for name in names for prefix in ("", "no")}
    return [line for line in text.splitlines() if line.split("=")[0] not in excluded]
