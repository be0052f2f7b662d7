"""The sizes of pairs that are accepted and refused."""

import pytest

from keras_homography.data.pair_spec import PairSpec
from keras_homography.utils.errors import UserError


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((128, 64, 1000, 1000), "rho must be above 0 and below half .* 64 .* got 64"),
        ((128, 0, 1000, 1000), "rho must be above 0"),
        ((4, 1, 1000, 1000), "patch_size must be at least 8 pixels; got 4"),
        ((128, 32, 191, 240), "Images of 191x240 are too small"),
        ((128, 32, 320, 100), "needs at least 192x192"),
    ],
)
def test_impossible_sizes_are_refused(sizes, message):
    with pytest.raises(UserError, match=message):
        PairSpec(*sizes)


def test_the_tightest_sizes_are_accepted():
    assert PairSpec(8, 3, 14, 14).rho == 3


def test_specs_are_values():
    """`pairs.make_pair_fn` compiles once a spec."""
    assert PairSpec(rho=16) == PairSpec(128, 16)
    assert len({PairSpec(), PairSpec(), PairSpec(integer_offsets=True)}) == 2
