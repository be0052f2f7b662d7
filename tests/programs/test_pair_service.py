"""Pairs made by other processes, one of which dies."""

import json
import re
import signal
import subprocess
import sys

import pytest
from helpers import programs
from helpers.clusters import TINY, free_ports


def serve(*flags):
    process = subprocess.Popen(
        [sys.executable, "-m", "keras_homography.pair_service", "--allow_network", *flags],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert re.match(r"(Worker|Dispatcher) at port", process.stdout.readline())
    return process


@pytest.fixture
def service():
    """A dispatcher with two workers: its address, and the workers."""
    ports = free_ports(3)
    address = f"grpc://localhost:{ports[0]}"
    processes = [serve(f"--port={ports[0]}")]
    processes += [serve(f"--port={port}", f"--dispatcher={address}") for port in ports[1:]]
    yield address, processes[1:]
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_run_loses_no_step_when_a_worker_dies(service, tmp_path):
    address, workers = service
    (tmp_path / "tiny.flags").write_text(TINY)
    flags = [f"--flagfile={tmp_path / 'tiny.flags'}", "--steps=60", "--steps_per_round=20"]
    flags += [f"--data_service={address}", f"--output_dir={tmp_path / 'run'}"]
    with subprocess.Popen(
        [sys.executable, "-m", "keras_homography.train", *flags],
        stdout=subprocess.PIPE,
    ) as training:
        printed = b""
        while b"val_mace" not in printed:  # the end of the first of three rounds
            read = training.stdout.read1()
            assert read, printed.decode(errors="replace")
            printed += read
        workers[0].send_signal(signal.SIGKILL)
        training.communicate(timeout=200)
    assert training.returncode == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert [entry["step"] for entry in metrics["history"]] == [20, 40, 60]


def test_mistakes_get_one_clear_line(tmp_path):
    (port,) = free_ports(1)
    address = f"grpc://localhost:{port}"
    service = ["pair_service", "--port=5050", "--allow_network", f"--dispatcher={address}"]
    train = ["train", "--dataset=synthetic", f"--data_service={address}"]
    for name, *flags in (service, [*train, f"--output_dir={tmp_path / 'run'}"]):
        result = programs.run(f"keras_homography.{name}", *flags)
        assert result.returncode == 2
        assert f"No data service answers at {address}" in result.stderr
        assert "python -m keras_homography.pair_service --port=" in result.stderr
        assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())
