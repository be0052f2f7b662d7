"""A color image for the tests of overlays."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def color(images):
    """A generated image, uint8 `[240, 320, 3]`, RGB."""
    gray = images[0, ..., 0]
    return np.dstack([gray, 255 - gray, gray // 2])
