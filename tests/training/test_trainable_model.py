"""The model of a configuration: its precision, its initial weights, its copy for export."""

import keras
import numpy as np
import pytest
from helpers.tiny_runs import tiny_config

from keras_homography.layers import lucas_kanade
from keras_homography.training import distribution_strategy, trainable_model
from keras_homography.utils.errors import UserError


def build(config):
    return trainable_model.build_trainable_model(config, distribution_strategy.make_strategy(0))


def same_weights(model, other):
    return all(
        np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True)
    )


def test_the_seed_decides_the_weights(tmp_path):
    model, again, other = (build(tiny_config(tmp_path, seed=seed)) for seed in (1, 1, 2))
    assert same_weights(model, again)
    assert not same_weights(model, other)


def test_the_exported_copy_is_float32_with_the_same_weights(tmp_path):
    config = tiny_config(tmp_path, mixed_precision="bfloat16")
    model = build(config)
    assert model.get_layer("conv1").compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"
    exported = trainable_model.build_exported_model(config, model)
    assert exported.get_layer("conv1").compute_dtype == "float32"
    assert same_weights(exported, model)


def test_the_exported_copy_is_refined_where_asked(tmp_path):
    config = tiny_config(tmp_path, refine=True)
    model = build(config)
    exported = trainable_model.build_exported_model(config, model)
    kinds = {type(layer) for layer in exported.layers}
    assert lucas_kanade.LucasKanade in kinds
    assert same_weights(exported, model)


def test_a_run_can_begin_with_the_weights_of_another(tmp_path):
    first = build(tiny_config(tmp_path, seed=1))
    config = tiny_config(tmp_path, seed=1)
    trainable_model.build_exported_model(config, first).save(tmp_path / "model.keras")
    second = build(tiny_config(tmp_path, seed=2, initial_weights=tmp_path / "model.keras"))
    assert same_weights(first, second)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "resnet"}, "no architecture 'resnet'"),
        ({"patch_size": 20}, "multiple of 8"),
        ({"loss": "cross_entropy"}, "for a model with probabilities"),
        ({"learning_rate": -1}, "must be above 0"),
        ({"schedule": "cosine", "warmup_steps": 6}, "6 of 6 steps"),
        ({"initial_weights": "nothing.keras"}, "no model 'nothing.keras'"),
        ({"initial_weights": "shipped"}, "same architecture"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path, options, message):
    with pytest.raises(UserError, match=message):
        build(tiny_config(tmp_path, **options))
