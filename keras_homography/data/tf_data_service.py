"""Make pairs on other machines by a `tf.data` service."""

import socket

import tensorflow as tf

from keras_homography.utils.errors import UserError


def parse_address(address, timeout=20.0):
    """The "host:port" in the address of a `tf.data` service.

    Raises:
      ValueError: it is not `grpc://host:port`, or nobody listens there.
    """
    protocol, _, place = address.partition("://")
    host, _, port = place.rpartition(":")
    if protocol != "grpc" or not host or not port.isdigit():
        raise UserError(f"The address of a data service is grpc://host:port; got {address!r}.")
    try:
        socket.create_connection((host, int(port)), timeout=timeout).close()
    except (OSError, OverflowError) as error:
        raise UserError(
            f"No data service answers at {address}: {error}. Start one with `python -m "
            f"keras_homography.pair_service --port={port}`, and its workers."
        ) from None
    return place


def distribute(batches, address, job):
    """Moves the making of a dataset to the workers of a `tf.data` service.

    Every position goes to one worker; what a worker that dies had begun is not made again, and the
    dataset goes on without it. Which worker is first decides the order of the batches.

    Args:
      batches: endless dataset.
      address: of the dispatcher, `grpc://host:port`.
      job: a name; who uses the same shares the batches.

    Raises:
      ValueError: see `service_address`.
    """
    parse_address(address)
    return batches.apply(
        tf.data.experimental.service.distribute(
            tf.data.experimental.service.ShardingPolicy.DYNAMIC, address, job_name=job
        )
    )
