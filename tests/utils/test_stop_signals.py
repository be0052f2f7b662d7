"""Signals that ask to stop, while Python runs, while it waits in C, and at the end."""

import signal
import socket
import threading
import time

import pytest
from helpers import programs

from keras_homography.utils import stop_signals


def test_signals_of_windows_and_of_others(monkeypatch):
    monkeypatch.delattr(signal, "SIGBREAK", raising=False)
    assert stop_signals.stop_signals() == [signal.SIGINT, signal.SIGTERM]
    monkeypatch.setattr(signal, "SIGBREAK", 21, raising=False)
    assert stop_signals.stop_signals() == [signal.SIGINT, signal.SIGTERM, 21]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted_and_the_second_interrupts(number):
    handlers = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    noted = []
    with stop_signals.StopSignals(noted.append) as signals:
        assert signals.received is None
        signal.raise_signal(number)
        assert signals.received == number
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    deadline = time.monotonic() + 10
    while noted != [number] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert noted == [number]
    assert {each: signal.getsignal(each) for each in handlers} == handlers
    assert signal.set_wakeup_fd(-1) == -1


BLOCKED = """
import ctypes
from keras_homography.utils import stop_signals
with stop_signals.StopSignals(lambda number: print("noted", number, flush=True), grace=0.2):
    print("blocked", flush=True)
    # In C, where no signal wakes it, while other threads run: as when TensorFlow waits.
    mutex = ctypes.create_string_buffer(64)
    for _ in range(2):
        ctypes.CDLL(None).pthread_mutex_lock(mutex)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_process_that_is_blocked(number):
    process = programs.start_script(BLOCKED)
    assert process.first_line == "blocked\n"
    time.sleep(0.2)
    process.send_signal(number)
    assert process.stdout.readline() == f"noted {int(number)}\n"
    process.send_signal(number)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert message == "\nEnded at once by a second signal.\n"


def test_other_signals_reach_who_listened_before():
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    former = signal.set_wakeup_fd(writer.fileno())
    handler = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with stop_signals.StopSignals():
            signal.raise_signal(signal.SIGUSR1)
            reader.settimeout(10)
            assert reader.recv(1) == bytes([signal.SIGUSR1])
        assert signal.set_wakeup_fd(writer.fileno()) == writer.fileno()
    finally:
        signal.set_wakeup_fd(former)
        signal.signal(signal.SIGUSR1, handler)
        reader.close()
        writer.close()


def test_outside_the_main_thread_signals_are_left_alone():
    seen = []

    def enter():
        with stop_signals.StopSignals() as signals:
            seen.append((signal.getsignal(signal.SIGTERM), signals.received))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert seen == [(signal.getsignal(signal.SIGTERM), None)]


NEVER_FREED = """
import sys, time
from keras_homography.utils import stop_signals
class Held:
    def __del__(self):
        print("frees", flush=True)
        time.sleep(600)
def run():
    held = Held()
    raise KeyboardInterrupt
try:
    try:
        run()
    except KeyboardInterrupt as error:
        stop_signals.exit_without_waiting(error, 130)
        raise
except KeyboardInterrupt:
    print("first", end="")
sys.exit(1)
"""


def test_a_program_ends_without_freeing_what_cannot_be_freed():
    process = programs.start_script(NEVER_FREED)
    process.communicate(timeout=60)
    assert process.first_line == "first"
    assert process.returncode == 130
