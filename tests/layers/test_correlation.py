"""Correlation against its definition."""

import keras
import numpy as np
import pytest
from helpers.in_graph import eager_and_in_tf_data, in_tflite

from keras_homography.layers import correlation

RANDOM = np.random.default_rng(0)


def features(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def correlation_by_definition(b, a, margin):
    cells = b.shape[1]
    shifted = [
        (b * a[:, y : y + cells, x : x + cells]).sum(-1)
        for y in range(2 * margin + 1)
        for x in range(2 * margin + 1)
    ]
    return np.stack(shifted, -1)


def test_correlation_is_the_product_for_every_displacement():
    b, a = features(2, 6, 6, 3), features(2, 10, 10, 3)
    eager, in_graph = eager_and_in_tf_data(lambda b, a: correlation.Correlation()(b, a), b, a)
    np.testing.assert_allclose(eager, correlation_by_definition(b, a, 2), atol=1e-5)
    np.testing.assert_allclose(in_graph, eager, atol=1e-6)


def test_block_correlation_is_the_sum_over_blocks():
    b, a = features(2, 8, 8, 3), features(2, 14, 14, 3)
    full = correlation_by_definition(b, a, 3).reshape([2, 4, 2, 4, 2, 7, 7])
    by_block = full.sum(axis=(2, 4)).reshape([2, 4, 4, 49])
    # In order of the parities of the displacements first.
    order = [
        7 * y + x
        for first_y in (0, 1)
        for first_x in (0, 1)
        for y in range(first_y, 7, 2)
        for x in range(first_x, 7, 2)
    ]
    blocks = correlation.BlockCorrelation()(b, a)
    np.testing.assert_allclose(blocks, by_block[..., order], atol=1e-5)


@pytest.mark.parametrize("kind", [correlation.Correlation, correlation.BlockCorrelation])
def test_layers_are_serializable(kind):
    layer = kind(name="c")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(copy) is kind
    assert copy.get_config() == layer.get_config()


def test_converts_to_tflite():
    b, a = features(1, 8, 8, 3), features(1, 14, 14, 3)
    np.testing.assert_allclose(
        in_tflite(lambda b, a: correlation.BlockCorrelation()(b, a), b, a),
        correlation.BlockCorrelation()(b, a),
        atol=1e-4,
    )
