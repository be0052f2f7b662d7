"""The flags of a run of training: which may change when it goes on, and between its workers."""

from keras_homography.utils import files
from keras_homography.utils.errors import UserError

# They do not change what is learned from which pairs.
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
)
_OF_ONE_WORKER = ("gpus", "task", "data_dir", "cache", "data_service")


def _without(resolved, names):
    """The lines of flags but for some of them."""
    return [line for line in resolved.splitlines() if line[2:].split("=")[0] not in names]


def shared_by_all_workers(resolved):
    """The flags that have to be the same on every worker, a line each."""
    return "\n".join(_without(resolved, _OF_ONE_WORKER))


def check_run_folder(output_dir, resolved):
    """Checks that a run can go on in a folder, or begin there.

    Args:
      output_dir: `pathlib.Path`, of the run.
      resolved: of `command_line.resolved_flags`.

    Raises:
      ValueError: the folder holds a run with other flags, or other files, or cannot be written.
    """
    files.check_writable(output_dir)
    run_flags = output_dir / "run.flags"
    if not run_flags.exists():
        if output_dir.exists() and any(output_dir.iterdir()):
            raise UserError(
                f"{output_dir} is not empty and holds no run of this program. Give another "
                "--output_dir."
            )
        return
    there, here = (
        set(_without(text, _FREE_TO_CHANGE))
        for text in (run_flags.read_text(encoding="utf-8"), resolved)
    )
    if there != here:
        raise UserError(
            f"{output_dir} holds a run with other flags: {' '.join(sorted(there - here))} there, "
            f"{' '.join(sorted(here - there))} here. Use the same flags, or another --output_dir."
        )
