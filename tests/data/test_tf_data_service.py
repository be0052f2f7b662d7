"""Addresses of `tf.data` services that are refused."""

import pytest

from keras_homography.data import tf_data_service
from keras_homography.utils.errors import UserError


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("localhost:5050", "is grpc://host:port; got"),
        ("http://localhost:5050", "is grpc://host:port; got"),
        ("grpc://localhost", "is grpc://host:port"),
        ("grpc://localhost:99999", "is grpc://host:port"),
        ("grpc://localhost:1", "No data service answers at grpc://localhost:1"),
    ],
)
def test_a_wrong_address_is_refused(address, message):
    with pytest.raises(UserError, match=message):
        tf_data_service.parse_address(address)
    with pytest.raises(UserError, match=message):
        tf_data_service.serve(port=5050, dispatcher=address, allow_network=True)
