"""Offsets of plausible homographies, and refusal of the others."""

import numpy as np
import pytest

from keras_homography import geometry
from keras_homography.evaluation import plausible_offsets

SIZE = 128


def test_h4pt_from_matrix_agrees_with_geometry():
    h4pt = np.random.default_rng(7).uniform(-30, 30, [4, 2]).astype(np.float32)
    a_from_b = geometry.matrix_from_h4pt(h4pt, SIZE).numpy()
    np.testing.assert_allclose(plausible_offsets.h4pt_from_matrix(a_from_b, SIZE), h4pt, atol=1e-3)


@pytest.mark.parametrize(
    "matrix",
    [
        None,
        np.zeros((3, 3)),
        np.full((3, 3), np.nan),
        np.diag([-1.0, 1.0, 1.0]),  # mirrored
        np.diag([1.0, 0.0, 1.0]),  # flat
        np.array([[1, 0, 0], [0, 1, 0], [0.02, 0, -1]]),  # the horizon crosses the patch
        np.array([[1, 0, SIZE + 1], [0, 1, 0], [0, 0, 1]]),
    ],
)
def test_an_implausible_matrix_is_none(matrix):
    assert plausible_offsets.h4pt_from_matrix(matrix, SIZE) is None
