"""Free ports, and the flags of the smallest training run, for tests with several processes."""

import socket

TINY = """
--dataset=synthetic
--model=homographynet
--width=0.05
--dropout=0
--patch_size=16
--rho=4
--image_size=48,40
--batch_size=8
--steps_per_round=4
--validation_pairs=8
--optimizer=sgd
--schedule=constant
--learning_rate=0.01
"""


def free_ports(count):
    """Return so many free ports; all are held until the last is found, so they differ."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
