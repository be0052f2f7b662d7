"""Make pairs on other machines by a `tf.data` service."""

import socket

import tensorflow as tf

from keras_homography.utils import network_address
from keras_homography.utils.errors import UserError


def parse_address(address: str, timeout: float = 20.0) -> str:
    """Return the "host:port" in the address of a service, once something answers there.

    Args:
      address: `grpc://host:port`.
      timeout: seconds to wait for an answer.

    Raises:
      UserError: the address has another form, or nothing listens there.
    """
    protocol, _, host_port = address.partition("://")
    try:
        host, port = network_address.parse_host_port(host_port)
    except UserError:
        protocol = ""
    if protocol != "grpc":
        raise UserError(f"The address of a data service is grpc://host:port; got {address!r}.")
    try:
        socket.create_connection((host, port), timeout=timeout).close()
    except OSError as error:
        raise UserError(
            f"No data service answers at {address}: {error}. Start one with `python -m "
            f"keras_homography.pair_service --port={port}`, and its workers."
        ) from None
    return host_port


def distribute(batches: tf.data.Dataset, address: str, job: str) -> tf.data.Dataset:
    """Move the work of an endless dataset to the workers of a service.

    Every position of the dataset goes to one worker. If a worker dies, the positions it was
    working on are lost, and the dataset goes on without them. The order of the batches depends on
    which worker is first.

    Args:
      batches: endless dataset.
      address: of the dispatcher, `grpc://host:port`.
      job: name of the work; datasets that use the same name share the batches.

    Returns:
      The same batches, made by the workers.

    Raises:
      UserError: the address has another form, or nothing listens there.
    """
    parse_address(address)
    return batches.apply(
        tf.data.experimental.service.distribute(
            tf.data.experimental.service.ShardingPolicy.DYNAMIC, address, job_name=job
        )
    )


def serve(port: int, dispatcher: str | None = None, host: str = "localhost") -> None:
    """Run a dispatcher, or a worker of one, until the process is stopped.

    Args:
      port: to listen at.
      dispatcher: address of the dispatcher that this is a worker of, `grpc://host:port`; None to
        be a dispatcher.
      host: name under which the trainers reach this worker.

    Raises:
      UserError: the dispatcher does not answer, or the port cannot be used.
    """
    service = tf.data.experimental.service
    try:
        if dispatcher:
            server = service.WorkerServer(
                service.WorkerConfig(
                    dispatcher_address=parse_address(dispatcher),
                    worker_address=f"{host}:{port}",
                    port=port,
                )
            )
        else:
            server = service.DispatchServer(service.DispatcherConfig(port=port))
    except tf.errors.OpError as error:
        raise UserError(f"Cannot start at port {port}: {error.message}") from None
    print(f"{'Worker' if dispatcher else 'Dispatcher'} at port {port}.", flush=True)
    server.join()
