"""Standard streams that are closed, and what counts as an interruption."""

import io
import subprocess
import sys

import pytest

from keras_homography.utils import standard_streams

CLOSED = """
import os, sys
from keras_homography.utils import standard_streams
standard_streams.open_missing()
with open("file", "w") as file:
    assert file.fileno() > 2
    print("lost")
    print("lost", file=sys.stderr)
    os.write(2, b"lost")
os._exit(7)
"""


def test_no_file_takes_the_place_of_a_closed_stream(tmp_path):
    command = 'exec "$0" -c "$1" <&- >&- 2>&-'
    process = subprocess.run(["sh", "-c", command, sys.executable, CLOSED], cwd=tmp_path)
    assert process.returncode == 7
    assert (tmp_path / "file").read_text() == ""


def test_names_of_any_bytes_are_printed(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(written, encoding="utf-8"))
    standard_streams.open_missing()
    print("\u00e9\udcff", flush=True)
    assert written.getvalue() == "\u00e9\\udcff\n".encode()


def test_messages_that_nobody_reads_are_no_fault(monkeypatch):
    class Broken(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Broken())
    standard_streams.print_error("message")


def chained(cause):
    try:
        try:
            raise cause
        except BaseException as error:
            raise ImportError("numpy failed to import") from error
    except ImportError as error:
        return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (KeyboardInterrupt(), True),
        (chained(KeyboardInterrupt()), True),
        (chained(ValueError()), False),
        (None, False),
    ],
)
def test_what_an_import_makes_of_an_interruption_is_one(error, expected):
    assert standard_streams.is_interrupt(error) == expected


def test_only_interruptions_are_shown_as_one_line(monkeypatch, capsys):
    monkeypatch.setattr("sys.excepthook", sys.excepthook)
    standard_streams.interrupt_quietly()
    error = chained(KeyboardInterrupt())
    sys.excepthook(type(error), error, error.__traceback__)
    assert capsys.readouterr().err == "Interrupted.\n"
    error = chained(ValueError())
    sys.excepthook(type(error), error, error.__traceback__)
    assert "Traceback" in capsys.readouterr().err
