"""What every program does at its edges: flags in, one clear line for a user's mistake."""

import errno
import importlib.util
import logging as python_logging
import os
import pathlib
import sys
import tempfile

from absl import app, flags, logging

from keras_homography.utils import files, memory
from keras_homography.utils.errors import UserError

# OpenCV reads this once, when it is imported: no file may claim more than 16,384 x 16,384.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(2**28))
FLAGS = flags.FLAGS


def _find_flagfiles(arguments):
    """Lets `--flagfile=flags/NAME` name a recipe of the package from any working folder."""
    found = []
    for argument in arguments:
        option, _, value = argument.partition("=")
        if option in ("--flagfile", "-flagfile") and not os.path.exists(value):
            shipped = files.packaged_file("flags", pathlib.PurePath(value).name)
            if not shipped:
                _fail(f"There is no flag file {value!r}, here or among the package's recipes.")
            argument = f"--flagfile={shipped}"
        found.append(argument)
    return found


def _fail(message):
    print(f"Error: {message}", file=sys.stderr)
    sys.exit(2)


def _import_tensorflow():
    """Imports TensorFlow without its greetings, which no setting turns off: they would hide the
    one line that a user has to read."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as greetings:
        os.dup2(greetings.fileno(), 2)
        try:
            import tensorflow as tf
        except BaseException:
            greetings.seek(0)
            os.write(standard_error, greetings.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
    tf.get_logger().setLevel(python_logging.ERROR)


def run(main, arguments=(), tensorflow=True):
    """Runs a program: parses the flags, then calls `main`.

    Args:
      main: function of the `arguments`, each a string.
      arguments: the names of what is given without `--name=`.
      tensorflow: whether the program cannot do without.

    A `UserError` or `OSError` is a user's mistake: its message goes to standard error, the exit
    code is 2. Other exceptions keep their traceback. An integer that `main` returns is the exit
    code.
    """
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend != "tensorflow":
        _fail(
            f"KERAS_BACKEND is {backend!r}; keras_homography runs on TensorFlow. Unset it or set "
            "KERAS_BACKEND=tensorflow."
        )

    def guarded(given):
        given = given[1:]
        if len(given) > len(arguments):
            _fail(f"Unexpected argument {given[len(arguments)]!r}; every option is --name=value.")
        if len(given) < len(arguments):
            _fail(f"{arguments[len(given)]} is missing: {' '.join(arguments)} have to be given.")
        if not FLAGS["verbosity"].present:
            logging.set_verbosity(logging.WARNING)
        if tensorflow:
            if not importlib.util.find_spec("tensorflow"):
                _fail("This program needs TensorFlow: pip install keras-homography.")
            _import_tensorflow()
            memory.keep_freed_memory()
        try:
            return main(*given)
        except (UserError, OSError) as error:
            _fail(error)
        except KeyboardInterrupt:
            print("Interrupted.", file=sys.stderr)
            return 130
        except Exception as error:  # TensorFlow's own, for files that it writes itself
            for reason in (errno.ENOSPC, errno.EROFS, errno.EDQUOT):
                if os.strerror(reason) in str(error):
                    _fail(
                        f"{os.strerror(reason)}. What was written before is whole: make room, or "
                        "give another folder, and run the same command again."
                    )
            raise

    app.run(guarded, argv=_find_flagfiles(sys.argv))


def resolved_flags(module):
    """The values of all flags that a program defines, one `--name=value` a line, sorted."""
    defined = FLAGS.get_key_flags_for_module(module)
    return "".join(
        sorted(f"{line}\n" for flag in defined for line in flag.serialize().splitlines())
    )
