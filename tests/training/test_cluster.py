"""Workers of a cluster find each other, or say which one is missing or different."""

import json
import socket
import threading
import time

import pytest
from helpers.clusters import free_ports

from keras_homography.training import cluster


def addresses(count=2):
    return tuple(f"127.0.0.1:{port}" for port in free_ports(count))


def test_without_flags_and_environment_it_is_alone(monkeypatch):
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

    threads = [threading.Thread(target=one, args=(i, *who)) for i, who in enumerate(members)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_workers_meet_and_can_meet_again():
    workers = addresses(3)
    for _ in range(3):
        assert meet([(workers, task, "--steps=1") for task in range(3)]) == [None] * 3


def test_a_worker_that_does_not_answer_is_named():
    workers = addresses()
    (message,) = meet([(workers, 0, "")], timeout=0.5)
    assert f"Worker 1 did not answer at {workers[1]}" in message


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
