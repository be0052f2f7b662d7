"""Addresses of processes."""

import pytest

from keras_homography.utils import network_address
from keras_homography.utils.errors import UserError


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("localhost:1", "localhost", 1),
        ("[::1]:65535", "[::1]", 65535),
        ("10.0.0.7:80", "10.0.0.7", 80),
    ],
)
def test_an_address_is_split(address, host, port):
    assert network_address.parse_host_port(address) == (host, port)


@pytest.mark.parametrize(
    "address", ["", "host", "host:", ":80", "host:0", "host:65536", "host:-1", "host:²"]
)
def test_another_form_is_refused(address):
    with pytest.raises(UserError, match="A worker must be host:port; got"):
        network_address.parse_host_port(address, "A worker")
