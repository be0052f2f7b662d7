"""Several workers: they find each other or say who is missing, and train as one would."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import keras
import numpy as np
import pytest
from helpers.clusters import TINY, free_ports

from keras_homography.training import cluster


def addresses(count=2):
    return tuple(f"127.0.0.1:{port}" for port in free_ports(count))


def test_alone_without_a_word(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert cluster.find() is cluster.ALONE
    assert cluster.find().is_writer


def test_flags_and_environment_say_the_same(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    by_flags = cluster.find(["a:1", "b:2"], 1)
    config = {"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert cluster.find() == by_flags == cluster.find(["a:1", "b:2"], 1)
    assert not by_flags.is_writer
    with pytest.raises(ValueError, match="TF_CONFIG says worker 1 of a:1,b:2, the flags say"):
        cluster.find(["a:1", "b:2"], 0)


@pytest.mark.parametrize(
    ("workers", "task", "message"),
    [
        (["a:1", "b:2"], None, "--workers needs --task"),
        ([], 1, "--task needs --workers"),
        (["a:1", "b"], 0, "must be host:port; got 'b'"),
        (["a:1", ":2"], 0, "must be host:port; got ':2'"),
        (["a:1", "b:70000"], 0, "must be host:port"),
        (["a:1", "a:1"], 0, "given twice"),
        (["a:1", "b:2"], 2, "numbered from 0 to 1; this one is said to be 2"),
        (["a:1", "b:2"], -1, "said to be -1"),
    ],
)
def test_wrong_flags_are_refused(workers, task, message, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ValueError, match=message):
        cluster.find(workers, task)


@pytest.mark.parametrize(
    "config",
    [
        "{",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": 1}, "task": {"index": 0}}',
        '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "evaluator", "index": 0}}',
    ],
)
def test_a_wrong_tf_config_is_shown(config, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ValueError, match="TF_CONFIG") as error:
        cluster.find()
    assert config in str(error.value)


def meet(members, timeout=10.0):
    """What `cluster.meet` raises for each of `(workers, task, run)`, all at the same time."""
    raised = [None] * len(members)

    def one(i, workers, task, run):
        try:
            cluster.meet(cluster.Cluster(workers, task), run, timeout)
        except ValueError as error:
            raised[i] = str(error)

    threads = [threading.Thread(target=one, args=(i, *each)) for i, each in enumerate(members)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_workers_meet_and_can_meet_again():
    workers = addresses(3)
    for _ in range(3):
        assert meet([(workers, task, "--steps=1") for task in range(3)]) == [None] * 3


def test_a_worker_that_is_not_there_is_named():
    workers = addresses()
    begin = time.monotonic()
    (message,) = meet([(workers, 0, "")], timeout=1.0)
    assert f"Worker 1 did not answer at {workers[1]}" in message
    assert time.monotonic() - begin < 8.0


def test_workers_that_disagree_are_told():
    workers = addresses()
    raised = meet([(workers, 0, "--steps=1\n--rho=8"), (workers, 1, "--steps=2\n--rho=8")], 3.0)
    assert any("--steps=2 there, --steps=1 here" in message for message in raised if message)
    other = (workers[0], addresses(1)[0])
    raised = meet([(workers, 0, ""), (other, 0, "")], 3.0)
    assert all(raised)


def test_a_port_in_use_is_named():
    workers = addresses()
    with socket.create_server(("", int(workers[0].split(":")[1]))):
        (message,) = meet([(workers, 0, "")], 3.0)
    assert "cannot listen at port" in message


def test_strangers_at_the_port_do_not_disturb():
    workers = addresses()
    stop = threading.Event()

    def disturb():
        while not stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", int(workers[0].split(":")[1])), 1.0):
                    pass
            except OSError:
                time.sleep(0.01)

    stranger = threading.Thread(target=disturb)
    stranger.start()
    raised = meet([(workers, 0, ""), (workers, 1, "")])
    stop.set()
    stranger.join()
    assert raised == [None, None]


class Worker:
    """A process of `train`."""

    def __init__(self, folder, workers, task, steps, *flags):
        arguments = [f"--flagfile={folder / 'tiny.flags'}", f"--output_dir={folder / 'run'}"]
        if workers:
            arguments += [f"--workers={','.join(workers)}", f"--task={task}"]
        self._output = open(folder / f"output{task}.txt", "ab")  # noqa: SIM115, closed in `end`
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "keras_homography.train",
                *arguments,
                f"--steps={steps}",
                *flags,
            ],
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={name: value for name, value in os.environ.items() if name != "TF_CONFIG"},
        )

    def end(self, timeout=240):
        code = self.process.wait(timeout)
        self._output.close()
        return code, pathlib.Path(self._output.name).read_text(encoding="utf-8", errors="replace")


def weights(folder):
    model = keras.models.load_model(folder / "run" / "model.keras")
    return np.concatenate([weight.ravel() for weight in model.get_weights()])


@pytest.fixture
def folder_of(tmp_path):
    def make(name):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tiny.flags").write_text(TINY)
        return tmp_path / name

    return make


def test_two_processes_train_like_one(folder_of):
    """The same global batches and seed, batch normalization over both: the same weights."""
    two, one = folder_of("two"), folder_of("one")
    workers = addresses()
    processes = [Worker(two, workers, task, 8) for task in (0, 1)]
    ends = [process.end() for process in processes]
    assert [code for code, _ in ends] == [0, 0], ends
    alone = Worker(one, (), 0, 8).end()
    assert alone[0] == 0, alone[1]
    np.testing.assert_allclose(weights(two), weights(one), atol=1e-5)
    histories = [json.loads((each / "run" / "history.json").read_text()) for each in (two, one)]
    for a, b in zip(*histories, strict=True):
        assert a["step"] == b["step"]
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)
        assert a["val_mace"] == pytest.approx(b["val_mace"], rel=1e-4)


def test_a_worker_that_is_killed_and_started_again_goes_on(folder_of):
    folder, workers = folder_of("run"), addresses()
    flags = ["--steps_per_round=30"]
    first, second = (Worker(folder, workers, task, 120, *flags) for task in (0, 1))
    newest = folder / "run" / "checkpoints" / "last" / "checkpoint"
    deadline = time.monotonic() + 120
    while not newest.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    second.process.send_signal(signal.SIGKILL)
    assert second.end()[0] == -signal.SIGKILL
    again = Worker(folder, workers, 1, 120, *flags)
    code, output = first.end()
    assert code == 0, output
    assert again.end()[0] == 0
    assert "A worker was lost. Starting again from the last checkpoint." in output
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    assert metrics["steps"] == 120
    assert [entry["step"] for entry in metrics["history"]] == list(range(30, 121, 30))


def test_a_batch_that_cannot_be_divided_is_refused(folder_of):
    folder, workers = folder_of("run"), addresses()
    processes = [Worker(folder, workers, task, 8, "--batch_size=9") for task in (0, 1)]
    for process in processes:
        code, output = process.end()
        assert code == 2
        assert "--batch_size=9 must be a multiple of the 2 devices" in output
    assert not (folder / "run").exists()
