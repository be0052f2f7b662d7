"""Training on several machines: who takes part, and that all of them are there and agree."""

import contextlib
import dataclasses
import json
import os
import socket
import threading
import time

from keras_homography.utils.errors import UserError

TIMEOUT = 55.0  # seconds to wait for the others


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of a run.

    Attributes:
      workers: address of each, "host:port"; the first writes checkpoints and exports.
      task: which of them this is.
    """

    workers: tuple[str, ...]
    task: int

    @property
    def is_writer(self):
        """Whether this worker writes what the run leaves behind."""
        return self.task == 0


ALONE = Cluster(("",), 0)


def _from_environment():
    """`(workers, task)` of TF_CONFIG; None if it is not set."""
    text = os.environ.get("TF_CONFIG")
    if not text:
        return None
    example = (
        '{"cluster": {"worker": ["host0:5000", "host1:5000"]}, '
        '"task": {"type": "worker", "index": 0}}'
    )
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        workers, index = list(cluster["worker"]), int(task["index"])
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"TF_CONFIG cannot be used: {type(error).__name__}: {error}. It must look like "
            f"{example}; got {text}"
        ) from None
    if set(cluster) != {"worker"} or task.get("type", "worker") != "worker":
        raise UserError(
            f"TF_CONFIG must name workers alone, of which the first is the chief, such as "
            f"{example}; got {text}"
        )
    return workers, index


def find(workers=(), task=None):
    """The cluster that this process belongs to, by flags or by TF_CONFIG.

    Args:
      workers: addresses, "host:port"; empty for TF_CONFIG's.
      task: which of them this process is.

    Returns:
      `Cluster`; `ALONE`, one worker without an address, if there is neither.

    Raises:
      ValueError: what is said is incomplete, wrong, or said twice and differently.
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
        host, _, port = str(worker).rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            raise UserError(f"A worker's address must be host:port; got {worker!r}.")
    if len(set(workers)) < len(workers):
        raise UserError(f"A worker's address is given twice: {','.join(workers)}.")
    if not 0 <= task < len(workers):
        raise UserError(
            f"There are {len(workers)} workers, numbered from 0 to {len(workers) - 1}; this one is "
            f"said to be {task}."
        )
    return Cluster(tuple(workers), task)


def _differences(ours, theirs):
    lines = [set(text.splitlines()) for text in (theirs, ours)]
    there, here = (sorted(lines[i] - lines[1 - i]) for i in (0, 1))
    return f"{' '.join(there) or 'nothing'} there, {' '.join(here) or 'nothing'} here"


class _Meeting:
    """Answers the others at this worker's address, and asks them, until all have met."""

    def __init__(self, cluster, run, timeout):
        self._cluster = cluster
        self._deadline = time.monotonic() + timeout
        ours = {"task": cluster.task, "workers": list(cluster.workers), "run": run}
        self._ours, self._greeting = ours, (json.dumps(ours) + "\n").encode()
        self._came = {cluster.task}

    def _serve(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # closed: all have met
                return
            with connection, contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                connection.settimeout(5.0)
                theirs = json.loads(connection.makefile("rb").readline())
                connection.sendall(self._greeting)
                self._came.add(theirs["task"])

    def _ask(self, task):
        """What another worker says of itself."""
        address = self._cluster.workers[task]
        host, _, port = address.rpartition(":")
        while time.monotonic() < self._deadline:
            try:
                with socket.create_connection((host, int(port)), timeout=5.0) as connection:
                    connection.sendall(self._greeting)
                    return json.loads(connection.makefile("rb").readline())
            except (OSError, ValueError):
                time.sleep(0.2)
        raise UserError(
            f"Worker {task} did not answer at {address}. Start the same command there with "
            f"--task={task} (or its TF_CONFIG), and check that the address can be reached."
        )

    def hold(self):
        """Returns once all have met. Raises `ValueError` as `meet` says."""
        port = self._cluster.workers[self._cluster.task].rpartition(":")[2]
        try:
            listener = socket.create_server(("", int(port)))
        except OSError as error:
            raise UserError(
                f"Worker {self._cluster.task} cannot listen at port {port}: {error.strerror}. Is "
                "another process using it?"
            ) from None
        with listener:
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
            for task in range(len(self._cluster.workers)):
                if task != self._cluster.task:
                    self._compare(task, self._ask(task))
            while len(self._came) < len(self._cluster.workers):
                if time.monotonic() > self._deadline:
                    absent = set(range(len(self._cluster.workers))) - self._came
                    raise UserError(f"Workers {absent} cannot reach this one at port {port}.")
                time.sleep(0.05)
            listener.shutdown(socket.SHUT_RDWR)

    def _compare(self, task, theirs):
        if theirs.get("task") != task or theirs.get("workers") != self._ours["workers"]:
            raise UserError(
                f"At {self._cluster.workers[task]} is worker {theirs.get('task')} of "
                f"{','.join(theirs.get('workers', []))}; here it should be worker {task} of "
                f"{','.join(self._cluster.workers)}."
            )
        if theirs["run"] != self._ours["run"]:
            raise UserError(
                f"Worker {task} was started with something else: "
                f"{_differences(self._ours['run'], theirs['run'])}."
            )


def meet(cluster, run, timeout=TIMEOUT):
    """Waits until all workers are there, and compares what they were started with.

    TensorFlow itself would wait for an hour for one that never comes, and forever for one that
    trains something else.

    Args:
      cluster: of `find`, of at least two workers.
      run: text that must be the same on all, a line for every flag.
      timeout: seconds.

    Raises:
      ValueError: a worker does not answer in time, or it was started with something else.
    """
    _Meeting(cluster, run, timeout).hold()
