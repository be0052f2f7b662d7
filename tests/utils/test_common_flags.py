"""Flags of several programs belong to the program that defines them."""

import sys

import pytest
from absl import flags

from keras_homography.utils import command_line, common_flags


@pytest.fixture
def parsed():
    """The flags of this module as if it were a program, parsed and removed again."""
    common_flags.define_dataset("synthetic")
    common_flags.define_data_dir()
    common_flags.define_trust_model("Open it.")
    common_flags.define_output_dir("runs/test")
    try:
        flags.FLAGS(["program", "--dataset=images", "--trust_model"])
        yield flags.FLAGS
    finally:
        for name in ("dataset", "data_dir", "trust_model", "output_dir"):
            delattr(flags.FLAGS, name)


def test_the_program_owns_the_flags(parsed):
    key_flags = {flag.name for flag in parsed.get_key_flags_for_module(sys.modules[__name__])}
    assert {"dataset", "data_dir", "trust_model", "output_dir"} <= key_flags
    assert parsed.get_key_flags_for_module(common_flags) == []


def test_resolved_flags_are_a_flag_file(parsed, tmp_path):
    resolved = command_line.resolved_flags(sys.modules[__name__])
    assert resolved == "--dataset=images\n--output_dir=runs/test\n--trust_model\n"
    (tmp_path / "run.flags").write_text(resolved)
    parsed.dataset, parsed.trust_model = "others", False
    parsed.unparse_flags()
    parsed(["program", f"--flagfile={tmp_path / 'run.flags'}"])
    assert (parsed.dataset, parsed.trust_model) == ("images", True)
