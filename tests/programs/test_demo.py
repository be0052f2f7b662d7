"""The program that shows the page."""

import signal
import subprocess
import sys
import urllib.request

import pytest
from helpers.programs import run


def test_it_prints_its_address_and_ends_quietly_with_ctrl_c():
    with subprocess.Popen(
        [sys.executable, "-m", "keras_homography.demo", "--noopen"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A suite that runs in the background ignores the signal, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        address = process.stdout.readline().split()[0]
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(address) as answer:
            assert b"<title>" in answer.read()
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(20) == 0
        finally:
            process.kill()  # else leaving the block would wait for it
        assert not process.stderr.read()


@pytest.mark.long
def test_it_writes_one_file_or_a_folder(tmp_path):
    written = run("keras_homography.demo", f"--single_file={tmp_path}/page.html")
    assert written.returncode == 0, written.stderr
    assert (tmp_path / "page.html").stat().st_size > 5e6
    both = run("keras_homography.demo", f"--single_file={tmp_path}/x", f"--site={tmp_path}/y")
    assert both.returncode == 2
    assert "exclude each other" in both.stderr
