"""Pairs made by other processes, one of which dies."""

import json
import re
import time

import pytest
from helpers import programs
from helpers.clusters import free_ports
from helpers.tiny_runs import tiny_config, tiny_model

from keras_homography import models, training
from keras_homography.training import callbacks, training_run


def serve(output, *flags):
    """Start a process of the service and wait until it says that it listens."""
    process = programs.start(
        "keras_homography.pair_service", "--allow_network", *flags, output=output
    )
    deadline = time.monotonic() + 100
    while not (output.exists() and re.search("(Worker|Dispatcher) at port", output.read_text())):
        assert time.monotonic() < deadline
        assert process.is_alive(), output.read_text()
        time.sleep(0.05)
    return process


@pytest.fixture
def service(tmp_path_factory):
    """A dispatcher with two workers: its address, and the workers."""
    outputs, ports = tmp_path_factory.mktemp("service"), free_ports(3)
    address = f"grpc://localhost:{ports[0]}"
    processes = [serve(outputs / "0", f"--port={ports[0]}")]
    processes += [
        serve(outputs / str(port), f"--port={port}", f"--dispatcher={address}")
        for port in ports[1:]
    ]
    yield address, processes[1:]
    for process in processes:
        process.kill()
        process.join()


@pytest.mark.long
def test_a_run_loses_no_step_when_a_worker_dies(service, image_folder, tmp_path, monkeypatch):
    address, workers = service
    steps = []

    def kill_after_the_first_round(_, batch, logs=None):
        steps.append(batch)
        if len(steps) == 21:
            workers[0].kill()
            workers[0].join()

    monkeypatch.setattr(
        callbacks.Validation, "on_train_batch_end", kill_after_the_first_round, raising=False
    )
    monkeypatch.setattr(models, "build", lambda name, **options: tiny_model())
    monkeypatch.setattr(training_run.final_report, "write", lambda *arguments: {})
    config = tiny_config(
        tmp_path / "run",
        dataset=image_folder,
        data_service=address,
        steps=60,
        steps_per_round=20,
    )
    assert training.run(config).step == len(steps) == 60
    assert not workers[0].is_alive()
    assert workers[1].is_alive()
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert [entry["step"] for entry in history] == [20, 40, 60]


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
