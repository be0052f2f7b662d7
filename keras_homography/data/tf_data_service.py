"""Make pairs on other machines by a `tf.data` service.

Such a service runs any graph it is sent, without authentication or encryption, and TensorFlow lets
it listen at all addresses of a machine: it is for private networks only.
"""

import socket
import threading

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
            f"keras_homography.pair_service --port={port} --allow_network`, and its workers."
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


def is_alive(address: str, timeout: float) -> bool:
    """Return whether a service makes an element within some time: a dispatcher and a worker do.

    Args:
      address: of the dispatcher, `grpc://host:port`.
      timeout: seconds.
    """
    service = tf.data.experimental.service
    made = threading.Event()

    def make() -> None:
        try:
            numbers = tf.data.Dataset.range(1)
            policy = service.ShardingPolicy.OFF
            for _ in numbers.apply(service.distribute(policy, address)):
                made.set()
        except tf.errors.OpError:
            pass

    try:
        parse_address(address, timeout)
    except UserError:
        return False
    # A dispatcher that is stopped still accepts connections, and TensorFlow waits for it.
    threading.Thread(target=make, name="data service probe", daemon=True).start()
    return made.wait(timeout)


def serve(
    port: int,
    dispatcher: str | None = None,
    host: str = "localhost",
    allow_network: bool = False,
) -> None:
    """Run a dispatcher, or a worker of one, until the process is stopped.

    Args:
      port: to listen at.
      dispatcher: address of the dispatcher that this is a worker of, `grpc://host:port`; None to
        be a dispatcher.
      host: name under which the trainers reach this worker.
      allow_network: whether everybody who reaches the port may run code as this user.

    Raises:
      UserError: the network is not allowed, the dispatcher does not answer, or the port cannot be
        used.
    """
    if not allow_network:
        raise UserError(
            f"Port {port} would be open to other machines: TensorFlow's data service listens at "
            "all addresses, and runs any graph that it is sent, without authentication, which "
            "reads and writes files as this user. Give --allow_network where only machines that "
            "you trust reach the port: a container network, or a firewall and an ssh tunnel "
            "(commands: keras_homography/data/README.md)."
        )
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
