"""Run a program: flags and flag files, messages for users, exit codes."""

import contextlib
import errno
import importlib.util
import logging as python_logging
import os
import pathlib
import re
import signal
import sys
import tempfile
import threading
import types
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn

from absl import app, flags, logging

from keras_homography.utils import errors, files, memory, standard_streams
from keras_homography.utils.errors import UserError

# OpenCV reads this once, when it is imported: no file may claim more than 16,384 x 16,384.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**28))
FLAGS = flags.FLAGS
_DISK_ERRORS = (errno.ENOSPC, errno.EROFS, errno.EDQUOT)


def run(
    main: Callable[..., int | None],
    arguments: Sequence[str] = (),
    tensorflow: bool = True,
    handle_sigterm: bool = True,
) -> None:
    """Parse the flags, call `main`, and exit.

    The exit code is the integer that `main` returns, if any. After a `UserError` or an `OSError`
    it is 2, and only the message is printed, on standard error. Other exceptions keep their
    traceback.

    Args:
      main: function of the positional arguments, each a string.
      arguments: the names of the positional arguments, all required; a last name that ends in
        "..." stands for one or more.
      tensorflow: whether the program needs TensorFlow.
      handle_sigterm: whether SIGTERM ends the program as an exception would, without temporary
        files; a second one ends it at once. Not for a program that waits outside of Python.
    """
    standard_streams.open_missing()
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        _fail(
            f"KERAS_BACKEND is {backend!r}; keras_homography runs on TensorFlow. Unset it or set "
            "KERAS_BACKEND=tensorflow."
        )

    def run_main(argv: Sequence[str]) -> int | None:
        values = argv[1:]
        _check_arguments(values, arguments)
        if not FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)
        if tensorflow and not importlib.util.find_spec("tensorflow"):
            _fail("This program needs TensorFlow: pip install keras-homography.")
        with _sigterm_as_exit() if handle_sigterm else contextlib.nullcontext():
            return _call(main, values, tensorflow)

    app.run(run_main, argv=resolve_flagfiles(sys.argv))


def resolve_flagfiles(arguments: Sequence[str]) -> list[str]:
    """Replace names of the package's flag files by their paths.

    So `--flagfile=flags/NAME` works in any folder. A file that exists is left as it is.

    Args:
      arguments: a command line.

    Returns:
      The command line with the path of the package's file in every `--flagfile` that names one.
    """
    resolved = []
    for argument in arguments:
        option, _, value = argument.partition("=")
        if option in ("--flagfile", "-flagfile") and not os.path.exists(value):
            path = files.packaged_file("flags", pathlib.PurePath(value).name)
            if not path:
                _fail(f"There is no flag file {value!r}, here or among the package's recipes.")
            argument = f"--flagfile={path}"
        resolved.append(argument)
    return resolved


def resolved_flags(module: types.ModuleType) -> str:
    """Return the values of all flags that a program defines, as a flag file.

    Args:
      module: of the program.

    Returns:
      One `--name=value` a line, sorted.
    """
    defined = FLAGS.get_key_flags_for_module(module)
    return "".join(
        sorted(f"{line}\n" for flag in defined for line in flag.serialize().splitlines())
    )


def _fail(message: object) -> NoReturn:
    # Names of files may hold anything: newlines, and sequences that control a terminal.
    line = re.sub(r"[\x00-\x1f\x7f]", lambda found: repr(found[0])[1:-1], str(message))
    standard_streams.print_error(f"Error: {line}")
    sys.exit(2)


@contextlib.contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """Raise `SystemExit` at the first SIGTERM, unless somebody else handles it."""
    received: list[int] = []

    def stop(number: int, frame: types.FrameType | None) -> None:
        if _is_finalizing(frame):
            threading.Timer(0.05, signal.raise_signal, [number]).start()
            return
        signal.signal(number, signal.SIG_DFL)
        received.append(number)
        sys.exit(128 + number)

    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if received:  # whatever a library made of it
            sys.exit(128 + received[0])


def _is_finalizing(frame: types.FrameType | None) -> bool:
    """Whether Python is destroying an object: it ignores exceptions that are raised there."""
    while frame is not None:
        if frame.f_code.co_name == "__del__" or frame.f_code.co_filename == weakref.__file__:
            return True
        frame = frame.f_back
    return False


def _check_arguments(values: Sequence[str], names: Sequence[str]) -> None:
    if len(values) > len(names) and not (names and names[-1].endswith("...")):
        _fail(f"Unexpected argument {values[len(names)]!r}; every option is --name=value.")
    if len(values) < len(names):
        _fail(f"{names[len(values)]} is missing: {' '.join(names)} have to be given.")


def _import_tensorflow() -> None:
    """Import TensorFlow without the messages of its start, which no setting turns off.

    They would hide the one line that a user has to read. They are printed if the import fails.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as messages:
        os.dup2(messages.fileno(), 2)
        try:
            import tensorflow as tf
        except BaseException:
            messages.seek(0)
            os.write(standard_error, messages.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
    tf.get_logger().setLevel(python_logging.ERROR)


def _call(main: Callable[..., int | None], values: Sequence[str], tensorflow: bool) -> int | None:
    """Call `main`; print the message of a user's mistake, or of a full or read-only disk."""
    try:
        if tensorflow:
            _import_tensorflow()
            memory.keep_freed_memory()
        code = main(*values)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # as by `| head`
        standard_streams.discard_output()
        return 128 + getattr(signal, "SIGPIPE", 13)
    except (UserError, OSError) as error:
        _flush_or_discard()
        _fail(error)
    except UnicodeEncodeError as error:
        if error.reason != "surrogates not allowed":
            raise
        _fail(
            f"A name is not UTF-8, or the locale is not: {error.object!a:.300}. "
            "Rename the file or folder, or set PYTHONUTF8=1."
        )
    except KeyboardInterrupt:
        return _interrupted()
    except Exception as error:  # TensorFlow writes files itself, and raises its own classes
        if standard_streams.is_interrupt(error):
            return _interrupted()
        user_error = errors.of_graph(error)
        if user_error is not None:
            _fail(user_error)
        for number in _DISK_ERRORS:
            if os.strerror(number) in str(error):
                _fail(
                    f"{os.strerror(number)}. Files written before are complete: make room, or "
                    "give another folder, and run the same command again."
                )
        raise


def _flush_or_discard() -> None:
    try:
        sys.stdout.flush()
    except OSError:
        standard_streams.discard_output()


def _interrupted() -> int:
    standard_streams.print_error("Interrupted.")
    return 130
