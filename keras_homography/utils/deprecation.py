"""Former names of the public API: accepted, with a `DeprecationWarning` that gives the new name."""

import functools
import warnings
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


def renamed_arguments(
    **new_names: str,
) -> Callable[[Callable[_Parameters, _Result]], Callable[_Parameters, _Result]]:
    """Let a function accept the former names of its keyword arguments.

        @renamed_arguments(threads="num_threads")
        def open_network(path, *, num_threads=None): ...

    Args:
      **new_names: former name = present name.

    Returns:
      A decorator. The function it returns warns where a former name is used, and raises a
      `TypeError` where both names of an argument are given.
    """

    def decorate(function: Callable[_Parameters, _Result]) -> Callable[_Parameters, _Result]:
        @functools.wraps(function)
        def with_former_names(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
            for former, present in new_names.items():
                if former not in kwargs:
                    continue
                if present in kwargs:
                    raise TypeError(f"{former} is the former name of {present}: give only one.")
                warnings.warn(f"{former} is now named {present}.", DeprecationWarning, stacklevel=2)
                kwargs[present] = kwargs.pop(former)
            return function(*args, **kwargs)

        return with_former_names

    return decorate
