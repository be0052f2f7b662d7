"""Learning rate schedules, and names that are wrong."""

import numpy as np
import pytest

from keras_homography.training import optimizers
from keras_homography.utils.errors import UserError


@pytest.mark.parametrize(
    ("schedule", "warmup_steps", "expected"),
    [
        ("constant", 10, {0: 1.0, 100: 1.0}),
        ("step", 10, {0: 1.0, 29: 1.0, 30: 0.1, 60: 0.01}),
        ("cosine", 10, {0: 0.0, 5: 0.5, 10: 1.0, 55: 0.5, 100: 0.0}),
        ("cosine", 0, {0: 1.0, 50: 0.5, 100: 0.0}),
    ],
)
def test_schedules(schedule, warmup_steps, expected):
    optimizer = optimizers.build_optimizer(
        "sgd",
        learning_rate=1.0,
        schedule=schedule,
        steps=100,
        warmup_steps=warmup_steps,
        decay_steps=30,
    )
    for step, rate in expected.items():
        optimizer.iterations.assign(step)
        np.testing.assert_allclose(optimizer.learning_rate, rate, atol=1e-6)
    assert optimizer.momentum == 0.9


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("adam", {"schedule": "linear"}, "no schedule 'linear'"),
        ("lamb", {}, "no optimizer 'lamb'; there are adam, sgd"),
        ("adam", {"learning_rate": 0.0}, "must be above 0; got 0.0"),
        ("adam", {"learning_rate": float("nan")}, "must be above 0; got nan"),
        ("adam", {"schedule": "cosine", "steps": 9, "warmup_steps": 9}, "9 of 9 steps"),
    ],
)
def test_wrong_optimizers_are_refused(name, options, message):
    with pytest.raises(UserError, match=message):
        optimizers.build_optimizer(name, **{"learning_rate": 1.0} | options)
