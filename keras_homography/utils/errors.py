"""`UserError`: the exception for a user's mistake, also for one that is met in a graph."""

import contextlib
import re
from collections.abc import Iterator

_IN_GRAPH = re.compile(r"\[UserError: (.*)\]$", re.MULTILINE)


class UserError(ValueError):
    """A wrong argument, flag, file or model; the message says how to mend it.

    Programs print its message alone and end with exit code 2. Any other exception is a fault of
    the program, and keeps its traceback.
    """


def message_in_graph(message: str) -> str:
    """Return a message for `tf.debugging.Assert`, by which `of_graph` knows a user's mistake."""
    return f"UserError: {message}"


def of_graph(error: BaseException) -> UserError | None:
    """Return the user's mistake that a graph met, or None.

    Args:
      error: what TensorFlow raised, here or on another machine.
    """
    matched = _IN_GRAPH.search(str(error))
    if not matched:
        return None
    # TensorFlow prints it as a literal of C, some of it byte by byte.
    escaped = matched[1].encode().decode("unicode_escape")
    return UserError(escaped.encode("latin-1", "replace").decode("utf-8", "replace"))


@contextlib.contextmanager
def from_graphs() -> Iterator[None]:
    """Raise the `UserError` of a graph that runs in the block in place of TensorFlow's error."""
    try:
        yield
    except Exception as error:
        user_error = None if isinstance(error, UserError) else of_graph(error)
        if user_error is None:
            raise
        raise user_error from error
