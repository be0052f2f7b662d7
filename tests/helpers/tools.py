"""Tools that `pip` does not install: a test that needs one is skipped without it, but not in CI."""

import os

import pytest


def missing(what):
    """Skip the test, or fail it where REQUIRE_TOOLS is set, as in `.ci/run`."""
    if os.environ.get("REQUIRE_TOOLS"):
        pytest.fail(what)
    pytest.skip(what)
