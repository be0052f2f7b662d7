"""`Estimate`: what it offers when it is trusted, and when it is not."""

import dataclasses
import pickle

import numpy as np
import pytest

from keras_homography.registration.evidence import Evidence
from keras_homography.registration.refusals import ReasonCode
from keras_homography.registration.result import Estimate

A_FROM_B = np.array([[1.1, 0.1, 5], [-0.2, 0.9, 3], [1e-4, -2e-4, 1]])
TRUSTED = Estimate(A_FROM_B, 0.9, None, None, Evidence(0.7, 9, 8, 0.5, 0.1), "network", 12.0)
REFUSED = dataclasses.replace(
    TRUSTED, reason="not the same scene", reason_code=ReasonCode.NOT_THE_SAME_SCENE
)


def test_a_trusted_result_has_its_matrices():
    assert TRUSTED
    assert TRUSTED.ok
    assert TRUSTED.a_from_b is TRUSTED.best_a_from_b is A_FROM_B
    np.testing.assert_array_equal(TRUSTED.homography, TRUSTED.b_from_a)
    product = TRUSTED.a_from_b @ TRUSTED.b_from_a
    np.testing.assert_allclose(product / product[2, 2], np.eye(3), atol=1e-12)
    assert TRUSTED.b_from_a[2, 2] == 1.0
    assert TRUSTED.overlap == 0.7


def test_a_refused_result_keeps_the_best_matrix_alone():
    assert not REFUSED
    assert not REFUSED.ok
    assert REFUSED.a_from_b is REFUSED.b_from_a is REFUSED.homography is None
    assert REFUSED.best_a_from_b is A_FROM_B
    assert REFUSED.reason_code == "not_the_same_scene"


def test_results_are_compared_by_identity_and_can_be_hashed():
    twin = dataclasses.replace(TRUSTED)
    assert twin != TRUSTED
    assert len({TRUSTED, twin, TRUSTED}) == 2


def test_results_are_frozen_and_can_be_pickled():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TRUSTED.confidence = 1.0
    restored = pickle.loads(pickle.dumps(REFUSED))
    np.testing.assert_array_equal(restored.best_a_from_b, A_FROM_B)
    assert restored.reason_code is ReasonCode.NOT_THE_SAME_SCENE
