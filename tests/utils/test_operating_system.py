"""Locks and special files, with the calls of Windows replaced where they differ."""

import os
import socket
import sys
import threading
import time
import types

import pytest
from helpers import programs

from keras_homography.utils import operating_system
from keras_homography.utils.errors import UserError

HOLD = """
import sys
from keras_homography.utils import operating_system
with operating_system.exclusive_lock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.readline()
"""


def test_the_second_is_told_who_holds_the_lock_until_that_process_dies(tmp_path):
    path = tmp_path / "run.lock"
    holder = programs.start_script(HOLD, path)
    try:
        assert holder.first_line == "held\n"
        for attempt in (operating_system.check_unlocked, lambda p: hold(p)):
            with pytest.raises(UserError) as error:
                attempt(path)
            assert f"process {holder.pid} on {socket.gethostname()}" in str(error.value)
            assert str(tmp_path) in str(error.value)
    finally:
        holder.kill()
        holder.communicate()
    assert path.exists()  # nobody removed it
    operating_system.check_unlocked(path)
    hold(path)
    assert not path.exists()


def hold(path, wait=0.0):
    with operating_system.exclusive_lock(path, wait):
        return path.exists()


def test_a_lock_is_exclusive_within_a_process_too_and_can_be_waited_for(tmp_path):
    path = tmp_path / "lock"
    with operating_system.exclusive_lock(path):
        begin = time.monotonic()
        with pytest.raises(UserError, match=f"in use by process {os.getpid()} on"):
            hold(path, wait=0.2)
        assert time.monotonic() - begin >= 0.2
    entered = threading.Event()

    def briefly():
        with operating_system.exclusive_lock(path):
            entered.set()
            time.sleep(0.2)

    thread = threading.Thread(target=briefly)
    thread.start()
    entered.wait()
    assert hold(path, wait=30.0)
    thread.join()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"pid": "x", "host": 1}', b"\xff" * 9000])
def test_a_damaged_lock_file_says_another_process(tmp_path, text):
    path = tmp_path / "lock"
    with operating_system.exclusive_lock(path):
        path.write_bytes(text)
        with pytest.raises(UserError, match="in use by another process"):
            hold(path)


def test_a_link_as_a_lock_file_is_not_followed(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    (tmp_path / "lock").symlink_to(tmp_path / "thesis.txt")
    with pytest.raises(OSError, match="lock"):
        hold(tmp_path / "lock")
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_without_locks_in_the_file_system_the_block_runs(tmp_path, monkeypatch):
    import fcntl

    def no_locks(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert hold(tmp_path / "lock")


class FakeMsvcrt(types.ModuleType):
    """Locks of bytes as Windows has them: of one open file against all others."""

    LK_NBLCK = 2

    def __init__(self):
        super().__init__("msvcrt")
        self.locked = {}

    def locking(self, descriptor, mode, count):
        assert (mode, count) == (self.LK_NBLCK, 1)
        place = os.lseek(descriptor, 0, os.SEEK_CUR)
        assert place >= 2**20  # text before it can still be read by others
        state = os.fstat(descriptor)
        holder = self.locked.get((state.st_ino, place))
        if holder not in (None, descriptor) and self.is_open(holder, state):
            raise PermissionError(13, "Permission denied")
        self.locked[state.st_ino, place] = descriptor

    @staticmethod
    def is_open(descriptor, state):
        try:
            return os.path.samestat(os.fstat(descriptor), state)
        except OSError:
            return False


def test_locks_of_windows(tmp_path, monkeypatch):
    """Its calls are replaced: this is not Windows."""
    monkeypatch.setitem(sys.modules, "msvcrt", FakeMsvcrt())
    monkeypatch.setattr(operating_system, "is_windows", lambda: True)
    path = tmp_path / "lock"
    with operating_system.exclusive_lock(path):
        assert path.read_text().startswith("{")
        with pytest.raises(UserError, match=f"in use by process {os.getpid()}"):
            hold(path)
    assert not path.exists()
    assert hold(path)


@pytest.fixture
def special_files(tmp_path):
    """A folder, a pipe, a socket, a device, and links to them."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    yield {
        tmp_path / "folder": "it is a folder",
        tmp_path / "pipe": "it is a pipe",
        tmp_path / "link": "it is a pipe",
        tmp_path / "socket": "it is a socket",
        "/dev/zero": "it is a device",
        tmp_path / "nowhere": "No such file",
        tmp_path / "missing": "No such file",
        "a\0b": "embedded null",
        tmp_path / ("x" * 5000): "name too long",
    }
    listener.close()


def test_only_regular_files_are_opened(special_files, tmp_path):
    for path, reason in special_files.items():
        with pytest.raises(UserError, match=reason):
            operating_system.require_regular(path, "a model")
    (tmp_path / "file").write_text("")
    (tmp_path / "link to a file").symlink_to(tmp_path / "file")
    operating_system.require_regular(tmp_path / "file")
    operating_system.require_regular(tmp_path / "link to a file")
