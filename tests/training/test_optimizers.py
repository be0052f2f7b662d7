"""Schedules of the learning rate, and names that are wrong."""

import numpy as np
import pytest

from keras_homography.training import optimizers


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("constant", {0: 1.0, 100: 1.0}),
        ("step", {0: 1.0, 29: 1.0, 30: 0.1, 60: 0.01}),
        ("cosine", {0: 0.0, 5: 0.5, 10: 1.0, 55: 0.5, 100: 0.0}),
    ],
)
def test_schedules(schedule, expected):
    optimizer = optimizers.build_optimizer(
        "sgd", schedule, 1.0, 100, warmup_steps=10, decay_steps=30
    )
    for step, rate in expected.items():
        optimizer.iterations.assign(step)
        np.testing.assert_allclose(optimizer.learning_rate, rate, atol=1e-6)
    assert optimizer.momentum == 0.9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("adam", "linear", 1.0, 9), "no schedule 'linear'"),
        (("lamb", "constant", 1.0, 9), "no optimizer 'lamb'"),
        (("adam", "constant", 0.0, 9), "must be above 0; got 0.0"),
        (("adam", "cosine", 1.0, 9, 9), "9 of 9 steps"),
    ],
)
def test_wrong_optimizers_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        optimizers.build_optimizer(*arguments)
