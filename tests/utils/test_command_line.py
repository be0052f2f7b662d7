"""A user's mistake is one line and exit code 2; a fault of the program keeps its traceback."""

import errno
import os
import signal
import time

import cv2
import numpy as np
import pytest

from keras_homography.utils import command_line, files
from keras_homography.utils.errors import UserError


@pytest.fixture
def run(monkeypatch, capsys):
    """Run a program in this process: `(exit code, standard error)`."""

    def run(main, *argv, arguments=()):
        monkeypatch.setattr("sys.argv", ["program", *argv])
        with pytest.raises(SystemExit) as exit_info:
            command_line.run(main, arguments=arguments, tensorflow=False)
        return exit_info.value.code, capsys.readouterr().err

    return run


def raising(error):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    "error",
    [UserError("--pairs must be at least 1; got 0."), FileNotFoundError("a.jpg does not exist.")],
)
def test_a_users_mistake_is_one_line(run, error):
    assert run(raising(error)) == (2, f"Error: {error}\n")


def opencv_error():
    cv2.cvtColor(np.zeros([4, 4, 7], np.uint8), cv2.COLOR_RGB2GRAY)


@pytest.mark.parametrize(
    ("main", "error"),
    [
        (lambda: np.zeros(3) + np.zeros(4), ValueError),
        (lambda: {}["missing"], KeyError),
        (lambda: int("x"), ValueError),
        (lambda: None + 1, TypeError),
        (raising(RuntimeError("internal")), RuntimeError),
        (opencv_error, cv2.error),
    ],
)
def test_a_fault_of_the_program_keeps_its_traceback(run, monkeypatch, main, error):
    with pytest.raises(error):
        run(main)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_full_disk_is_no_fault_of_the_program(run, number):
    """TensorFlow raises errors of its own, with the system's message within."""
    code, message = run(raising(RuntimeError(f"ResourceExhausted: {os.strerror(number)}; x")))
    assert code == 2
    assert message.startswith(f"Error: {os.strerror(number)}. ")
    assert message.count("\n") == 1


@pytest.mark.parametrize("code", [0, 3, None])
def test_the_exit_code_is_what_main_returns(run, code):
    assert run(lambda: code) == (code, "")


def test_an_interrupted_program_says_so(run):
    assert run(raising(KeyboardInterrupt())) == (130, "Interrupted.\n")


def wait_for_signal():
    for _ in range(400):
        time.sleep(0.01)
    pytest.fail("SIGTERM was not heard.")


def test_sigterm_ends_a_program_and_leaves_the_handler_as_it_was(run):
    def main():
        signal.raise_signal(signal.SIGTERM)
        wait_for_signal()

    assert run(main) == (128 + signal.SIGTERM, "")
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_sigterm_is_heard_where_python_ignores_exceptions(run):
    class Dying:
        def __del__(self):
            signal.raise_signal(signal.SIGTERM)

    def main():
        Dying()
        wait_for_signal()

    assert run(main) == (128 + signal.SIGTERM, "")


def test_what_a_library_makes_of_sigterm_ends_the_program_all_the_same(run):
    def main():
        try:
            signal.raise_signal(signal.SIGTERM)
            wait_for_signal()
        except SystemExit:
            raise RuntimeError("Conversion failed.") from None

    assert run(main) == (128 + signal.SIGTERM, "")


def test_another_handler_of_sigterm_stays(run, monkeypatch):
    received = []
    former = signal.signal(signal.SIGTERM, lambda *_: received.append(True))
    try:
        assert run(lambda: signal.raise_signal(signal.SIGTERM)) == (None, "")
    finally:
        signal.signal(signal.SIGTERM, former)
    assert received == [True]


def test_a_name_that_is_not_utf8_is_no_fault_of_the_program(run):
    code, message = run(lambda: "runs/\udcff\n".encode() and None)
    assert code == 2
    assert message.startswith(r"Error: A name is not UTF-8, or the locale is not: 'runs/\udcff\n'.")
    assert message.count("\n") == 1


def test_an_interrupted_import_is_an_interruption(run):
    def main():
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise ImportError("numpy failed to import")  # noqa: B904

    assert run(main) == (130, "Interrupted.\n")


def test_positional_arguments_are_all_required(run):
    received = []
    arguments = ("A", "B")

    def main(*values):
        received.append(values)

    assert run(main, "a.jpg", "b.jpg", arguments=arguments) == (None, "")
    assert received == [("a.jpg", "b.jpg")]
    assert run(main, "a.jpg", arguments=arguments)[1].startswith("Error: B is missing")
    code, message = run(main, "a", "b", "c", arguments=arguments)
    assert (code, message) == (2, "Error: Unexpected argument 'c'; every option is --name=value.\n")
    assert len(received) == 1


def test_another_backend_of_keras_is_refused(run, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    code, message = run(lambda: None)
    assert code == 2
    assert message.startswith("Error: KERAS_BACKEND is 'jax'")


def test_flag_files_of_the_package_are_found_from_any_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = files.packaged_file("flags", "quickstart.flags")
    argv = ["program", "--flagfile=flags/quickstart.flags", "--steps=3"]
    assert command_line.resolve_flagfiles(argv) == ["program", f"--flagfile={path}", "--steps=3"]
    (tmp_path / "flags").mkdir()
    (tmp_path / "flags" / "quickstart.flags").write_text("--steps=7\n")
    assert command_line.resolve_flagfiles(argv) == argv
    with pytest.raises(SystemExit):
        command_line.resolve_flagfiles(["program", "--flagfile=none.flags"])
    assert "There is no flag file 'none.flags'" in capsys.readouterr().err
