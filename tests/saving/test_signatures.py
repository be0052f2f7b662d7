"""Kinds of models, and how far two of a kind are from each other."""

import numpy as np
import pytest

from keras_homography.saving import signatures

FEATURES = {
    "coarse": (1, None, None, 64),
    "fine": (1, None, None, 32),
    "reliability": (1, None, None, 1),
}


@pytest.mark.parametrize(
    ("input_shape", "outputs", "signature"),
    [
        ((None, 32, 32, 2), {"0": (None, 4, 2)}, signatures.PAIRS),
        ((1, 32, 32, 2), {"h4pt": (1, 4, 2), "probabilities": (1, 4, 2, 21)}, signatures.PAIRS),
        ((1, None, None, 1), FEATURES, signatures.MATCHER),
        (
            (1, None, None, 1),
            {name: FEATURES[name] for name in reversed(FEATURES)},
            signatures.MATCHER,
        ),
        ((1, 32, 24, 2), {"h4pt": (1, 4, 2)}, None),
        ((1, None, None, 2), {"h4pt": (1, 4, 2)}, None),
        ((1, 32, 32, 2), {"h4pt": (1, 8)}, None),
        ((1, 32, 32, 2), {}, None),
        ((), {"h4pt": (1, 4, 2)}, None),
        ((1, 192, 192, 1), FEATURES, None),
        ((1, None, None, 3), FEATURES, None),
        ((1, None, None, 1), FEATURES | {"fine": (1, None, None, 16)}, None),
        ((1, None, None, 1), FEATURES | {"more": (1, None, None, 16)}, None),
    ],
)
def test_the_kind_is_found_from_shapes_and_names(input_shape, outputs, signature):
    assert signatures.find(input_shape, outputs) is signature


@pytest.mark.parametrize("name", ["coarse", "fine", "reliability"])
def test_a_difference_is_the_largest_of_any_feature(name):
    generator = np.random.default_rng(0)
    expected = {
        output: generator.normal(size=(3, 4, 5, shape[-1])) for output, shape in FEATURES.items()
    }
    outputs = {output: value.copy() for output, value in expected.items()}
    outputs[name][1, 2, 3, 0] -= 0.25
    np.testing.assert_allclose(
        signatures.MATCHER.differences(outputs, expected), [0, 0.25, 0], atol=1e-12
    )


def test_what_is_not_a_number_differs(small_model):
    outputs = {"h4pt": np.full([1, 4, 2], np.nan)}
    assert np.isnan(signatures.PAIRS.differences(outputs, {"h4pt": np.zeros([1, 4, 2])})).all()
