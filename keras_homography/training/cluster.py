"""Training on several machines: find the workers, wait for them, compare their flags.

Experimental, and frozen: faults are mended, nothing is added. TensorFlow itself would wait for an
hour for a worker that never comes, and forever for one that trains something else.
"""

import contextlib
import dataclasses
import errno
import json
import os
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_homography.utils.errors import UserError
from keras_homography.utils.network_address import parse_host_port

TIMEOUT = 55.0  # seconds to wait for the other workers
_MAX_GREETING = 2**20  # bytes; strangers may send more
_EXAMPLE = (
    '{"cluster": {"worker": ["host0:5000", "host1:5000"]}, "task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of a run.

    Attributes:
      workers: Address of each, "host:port"; the first writes checkpoints and exports.
      task: Which of them this process is, from 0.
    """

    workers: tuple[str, ...]
    task: int

    @property
    def is_writer(self) -> bool:
        """Whether this worker writes what the run leaves behind."""
        return self.task == 0


ALONE = Cluster(("",), 0)


def find(workers: Sequence[str] = (), task: int | None = None) -> Cluster:
    """Return the cluster that this process belongs to, from flags or from TF_CONFIG.

    Args:
      workers: Addresses, "host:port"; empty for those of TF_CONFIG.
      task: Which of them this process is.

    Returns:
      The cluster; `ALONE`, one worker without an address, if there are neither flags nor TF_CONFIG.

    Raises:
      UserError: The description is incomplete or wrong, or flags and TF_CONFIG contradict each
        other.
    """
    environment = _from_environment()
    if workers:
        if task is None:
            raise UserError("--workers needs --task: which of them this process is, from 0.")
        if environment and environment != (list(workers), task):
            raise UserError(
                f"TF_CONFIG says worker {environment[1]} of {','.join(environment[0])}, the flags "
                f"say worker {task} of {','.join(workers)}. Give one of the two."
            )
    elif task is not None:
        raise UserError("--task needs --workers: the addresses of all, host:port,host:port,...")
    elif environment:
        workers, task = environment
    else:
        return ALONE
    for worker in workers:
        parse_host_port(worker, "A worker's address")
    if len(set(workers)) < len(workers):
        raise UserError(f"A worker's address is given twice: {','.join(workers)}.")
    if not 0 <= task < len(workers):
        raise UserError(
            f"There are {len(workers)} workers, numbered from 0 to {len(workers) - 1}; this one is "
            f"said to be {task}."
        )
    return Cluster(tuple(workers), task)


def check_network(allow_network: bool) -> None:
    """Refuse to open the ports of a cluster where nobody said that the network is trusted.

    Args:
      allow_network: Whether everybody who reaches a worker's port may run code as its user.

    Raises:
      UserError: It is not allowed.
    """
    if not allow_network:
        raise UserError(
            "The workers' ports would be open to other machines: TensorFlow's servers listen at "
            "all addresses, and run any graph that they are sent, without authentication, which "
            "reads and writes files as this user. Give --allow_network where only machines that "
            "you trust reach the ports: a container network, or a firewall."
        )


def meet(cluster: Cluster, run: str, timeout: float = TIMEOUT) -> None:
    """Wait until all workers answer, and compare what they were started with.

    Args:
      cluster: From `find`, of at least two workers.
      run: Text that must be the same on all, a line for every flag.
      timeout: Seconds.

    Raises:
      UserError: A worker does not answer in time, or it was started with something else.
    """
    _Meeting(cluster, run, timeout).hold()


def _from_environment() -> tuple[list[str], int] | None:
    """`(workers, task)` of TF_CONFIG; None if it is not set."""
    text = os.environ.get("TF_CONFIG")
    if not text:
        return None
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    try:
        jobs = resolver.cluster_spec().as_dict()
        kind, index = resolver.task_type, resolver.task_id
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise UserError(
            f"TF_CONFIG cannot be used: {type(error).__name__}: {error}. It must look like "
            f"{_EXAMPLE}; got {text}"
        ) from None
    if set(jobs) != {"worker"} or kind not in ("worker", None) or index is None:
        raise UserError(
            f"TF_CONFIG must name workers alone, of which the first is the chief, and which of "
            f"them this process is, such as {_EXAMPLE}; got {text}"
        )
    return list(jobs["worker"]), index


def _listen(host: str, port: int) -> socket.socket:
    """Listen at a worker's own address alone, where its name is one of this machine."""
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    try:
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        # The name of a service that forwards to this machine. TensorFlow listens there, too.
        return socket.create_server(("", port))


class _Meeting:
    """Answer the other workers at this one's address, and ask them, until all have met."""

    def __init__(self, cluster: Cluster, run: str, timeout: float) -> None:
        self._cluster = cluster
        self._deadline = time.monotonic() + timeout
        self._workers, self._run = list(cluster.workers), run
        greeting = {"task": cluster.task, "workers": self._workers, "run": run}
        self._greeting = (json.dumps(greeting) + "\n").encode()
        self._arrived = {cluster.task}

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # closed: all have met
                return
            with connection, contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                connection.settimeout(5.0)
                answer = json.loads(connection.makefile("rb").readline(_MAX_GREETING))
                connection.sendall(self._greeting)
                self._arrived.add(answer["task"])

    def _ask(self, task: int) -> dict[str, Any]:
        """Return the greeting of another worker."""
        address = self._cluster.workers[task]
        while time.monotonic() < self._deadline:
            try:
                with socket.create_connection(parse_host_port(address), timeout=5.0) as connection:
                    connection.sendall(self._greeting)
                    answer: dict[str, Any] = json.loads(
                        connection.makefile("rb").readline(_MAX_GREETING)
                    )
                    return answer
            except (OSError, ValueError):
                time.sleep(0.2)
        raise UserError(
            f"Worker {task} did not answer at {address}. Start the same command there with "
            f"--task={task} (or its TF_CONFIG), and check that the address can be reached."
        )

    def hold(self) -> None:
        """Return once all have met; raise as `meet` says."""
        host, port = parse_host_port(self._cluster.workers[self._cluster.task])
        try:
            listener = _listen(host, port)
        except OSError as error:
            raise UserError(
                f"Worker {self._cluster.task} cannot listen at port {port}: {error.strerror}. Is "
                "another process using it?"
            ) from None
        with listener:
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
            for task in range(len(self._workers)):
                if task != self._cluster.task:
                    self._compare(task, self._ask(task))
            while len(self._arrived) < len(self._workers):
                if time.monotonic() > self._deadline:
                    absent = set(range(len(self._workers))) - self._arrived
                    raise UserError(f"Workers {absent} cannot reach this one at port {port}.")
                time.sleep(0.05)
            listener.shutdown(socket.SHUT_RDWR)

    def _compare(self, task: int, answer: dict[str, Any]) -> None:
        if answer.get("task") != task or answer.get("workers") != self._workers:
            raise UserError(
                f"At {self._workers[task]} is worker {answer.get('task')} of "
                f"{','.join(answer.get('workers', []))}; here it should be worker {task} of "
                f"{','.join(self._workers)}."
            )
        if answer["run"] != self._run:
            theirs, ours = set(answer["run"].splitlines()), set(self._run.splitlines())
            raise UserError(
                f"Worker {task} was started with something else: "
                f"{' '.join(sorted(theirs - ours)) or 'nothing'} there, "
                f"{' '.join(sorted(ours - theirs)) or 'nothing'} here."
            )
