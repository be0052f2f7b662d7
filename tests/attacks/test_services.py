"""Ports that strangers can reach, and services that die while a run waits for them."""

import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import tensorflow as tf
from helpers import programs
from helpers.clusters import TINY, free_ports
from helpers.tiny_runs import TinyRun, random_batches, tiny_config

from keras_homography import training
from keras_homography.data import tf_data_service
from keras_homography.training import cluster, interruption
from keras_homography.utils.errors import UserError

LOOPBACK = {"0100007F", "00000000000000000000000001000000"}


def listening_at(port):
    """The addresses that listen at a port, as the kernel writes them."""
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            address, number = local.split(":")
            if int(number, 16) == port and state == "0A":
                addresses.add(address)
    return addresses


@pytest.mark.parametrize("flags", [[], ["--dispatcher=grpc://localhost:1"], ["--host=127.0.0.1"]])
def test_the_pair_service_opens_no_port_to_others_unless_allowed(flags):
    (port,) = free_ports(1)
    result = programs.run("keras_homography.pair_service", f"--port={port}", *flags, timeout=60)
    assert result.returncode == 2
    assert f"Port {port} would be open to other machines" in result.stderr
    assert "without authentication" in result.stderr
    assert "--allow_network" in result.stderr
    assert result.stderr.count("\n") == 1
    assert listening_at(port) == set()


def test_the_help_of_the_pair_service_begins_with_why():
    from keras_homography import pair_service

    begin = " ".join(pair_service.__doc__.split())[:300]
    assert "only in a private network" in begin
    assert "without authentication" in begin
    assert "can read and write files as the user" in begin


def test_tensorflow_cannot_listen_at_one_address():
    """Why the service is refused: once this fails, it can listen at 127.0.0.1 alone."""
    (port,) = free_ports(1)
    server = tf.data.experimental.service.DispatchServer(
        tf.data.experimental.service.DispatcherConfig(port=port)
    )
    assert listening_at(port) - LOOPBACK
    del server


def test_a_cluster_opens_no_port_to_others_unless_allowed(tmp_path, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    ports = free_ports(2)
    workers = tuple(f"127.0.0.1:{port}" for port in ports)
    with pytest.raises(UserError, match=r"open to other machines.*--allow_network"):
        training.run(tiny_config(tmp_path / "run", workers=workers, task=0))
    assert listening_at(ports[0]) == set()
    assert not (tmp_path / "run").exists()


def test_workers_meet_at_their_own_addresses_alone():
    ports = free_ports(2)
    members = cluster.Cluster(tuple(f"127.0.0.1:{port}" for port in ports), 0)
    seen = []

    def meet():
        with pytest.raises(UserError, match="Worker 1 did not answer"):
            cluster.meet(members, "", timeout=2.0)

    thread = threading.Thread(target=meet)
    thread.start()
    while thread.is_alive():
        seen += [listening_at(ports[0])]
        time.sleep(0.05)
    thread.join()
    assert {"0100007F"} in seen
    assert all(addresses <= {"0100007F"} for addresses in seen)


def test_a_stranger_who_sends_without_end_does_not_fill_the_memory():
    ports = free_ports(2)
    workers = tuple(f"127.0.0.1:{port}" for port in ports)
    stop, sent = threading.Event(), []

    def flood():
        while not stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", ports[0]), 1.0) as connection:
                    total = 0
                    while total < 2**26 and not stop.is_set():
                        total += connection.send(b"x" * 2**16)
                    sent.append(total)
            except OSError:
                time.sleep(0.01)

    stranger = threading.Thread(target=flood)
    stranger.start()
    with pytest.raises(UserError, match="Worker 1 did not answer"):
        cluster.meet(cluster.Cluster(workers, 0), "", timeout=2.0)
    stop.set()
    stranger.join()
    assert all(total < 2**26 for total in sent)


class Service:
    """A dispatcher and a worker in this process."""

    def __init__(self):
        service = tf.data.experimental.service
        self.dispatcher = service.DispatchServer(service.DispatcherConfig(port=0))
        self.address = self.dispatcher.target
        self.worker = service.WorkerServer(
            service.WorkerConfig(dispatcher_address=self.address.partition("://")[2])
        )

    def stop_worker(self):
        self.worker._stop()

    def stop_dispatcher(self):
        self.worker._stop()
        self.dispatcher._stop()


@pytest.mark.long
@pytest.mark.parametrize("death", ["stop_worker", "stop_dispatcher"])
def test_a_run_ends_when_its_data_service_dies(tmp_path, monkeypatch, death):
    """Within bounded time, and with what was learned."""
    service = Service()
    assert tf_data_service.is_alive(service.address, 60)
    watch = interruption.DataServiceWatch
    monkeypatch.setattr(
        interruption,
        "DataServiceWatch",
        lambda address, cancel: watch(address, cancel, patience=2.0, timeout=3.0),
    )

    def batches(step):
        slow = random_batches(step).map(lambda *batch: batch)
        return tf_data_service.distribute(slow, service.address, f"{death} {step}")

    run = TinyRun(tmp_path)

    def kill():
        while run.checkpoints.step < 6:
            time.sleep(0.01)
        getattr(service, death)()

    killer = threading.Thread(target=kill)
    killer.start()
    begin = time.monotonic()
    with pytest.raises(UserError, match=f"data service at {service.address} has made no batch"):
        run.fit(10**6, batches, data_service=service.address)
    assert time.monotonic() - begin < 120
    killer.join()
    assert not tf_data_service.is_alive(service.address, 1)
    assert TinyRun(tmp_path).resumed_at >= 6


def serve(*flags):
    command = [sys.executable, "-m", "keras_homography.pair_service", "--allow_network", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert "at port" in process.stdout.readline()
    return process


@pytest.mark.attack
@pytest.mark.parametrize("number", [None, signal.SIGINT, signal.SIGTERM])
def test_a_program_ends_although_its_data_service_hangs(tmp_path, number):
    """By itself within two minutes; at the second signal within seconds: also at Python's end."""
    ports = free_ports(2)
    address = f"grpc://localhost:{ports[0]}"
    services = [serve(f"--port={ports[0]}")]
    services.append(serve(f"--port={ports[1]}", f"--dispatcher={address}"))
    (tmp_path / "tiny.flags").write_text(TINY)
    command = [sys.executable, "-m", "keras_homography.train", "--steps=1000000"]
    command += [f"--flagfile={tmp_path}/tiny.flags", f"--output_dir={tmp_path}/run"]
    with (tmp_path / "output").open("w") as output, (tmp_path / "errors").open("w") as errors:
        run = subprocess.Popen(
            [*command, f"--data_service={address}"], stdout=output, stderr=errors
        )
    try:
        while "val_mace" not in (tmp_path / "output").read_text():
            assert run.poll() is None
            time.sleep(0.2)
        for service in services:
            service.send_signal(signal.SIGSTOP)
        time.sleep(5)
        begin = time.monotonic()
        for _ in range(2 if number else 0):
            run.send_signal(number)
            time.sleep(2)
        assert run.wait(120) == (130 if number else 2)
        assert not number or time.monotonic() - begin < 15
    finally:
        for process in (run, *services):
            process.kill()
            process.wait()
    message = "Interrupted." if number else f"data service at {address} has made no batch"
    assert message in (tmp_path / "errors").read_text()
    assert not (tmp_path / "run" / "run.lock").exists()
