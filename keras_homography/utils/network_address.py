"""Addresses of processes on a network, "host:port"."""

from keras_homography.utils.errors import UserError


def parse_host_port(address: str, name: str = "An address") -> tuple[str, int]:
    """Split an address into host and port.

    Args:
      address: "host:port", the port from 1 to 65535.
      name: what messages call the address.

    Returns:
      `(host, port)`.

    Raises:
      UserError: the address has another form.
    """
    host, _, port = str(address).rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise UserError(f"{name} must be host:port; got {address!r}.")
    return host, int(port)
