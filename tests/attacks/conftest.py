"""What the attacks share."""

import pytest
from helpers import fuzzing


@pytest.fixture(scope="module")
def small_estimator():
    """With a network that costs nothing and knows nothing: what follows it is under attack."""
    return fuzzing.untrained_estimator()
