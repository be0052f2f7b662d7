"""Former names of arguments."""

import inspect
import warnings

import pytest

from keras_homography.utils.deprecation import renamed_arguments


@renamed_arguments(threads="num_threads")
def open_network(path, *, num_threads=None):
    """Open a network."""
    return path, num_threads


def test_a_former_name_is_passed_on_with_a_warning_at_the_call():
    with pytest.warns(DeprecationWarning, match="^threads is now named num_threads.$") as warned:
        assert open_network("a", threads=2) == ("a", 2)
    assert warned[0].filename == __file__


def test_the_present_name_does_not_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_network("a", num_threads=2) == ("a", 2)
        assert open_network("a") == ("a", None)


def test_both_names_and_unknown_names_are_refused():
    with pytest.raises(TypeError, match="threads is the former name of num_threads"):
        open_network("a", threads=2, num_threads=2)
    with pytest.raises(TypeError, match="unknown"):
        open_network("a", unknown=2)


def test_the_signature_and_docstring_are_the_functions():
    assert list(inspect.signature(open_network).parameters) == ["path", "num_threads"]
    assert open_network.__doc__ == "Open a network."
