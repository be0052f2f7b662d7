"""Views of a pair: what they contain, and their homographies transformed back."""

import numpy as np
import pytest
import tensorflow as tf

from keras_homography import geometry
from keras_homography.layers import test_time_augmentation

SIZE = 32
NUMBERS = range(test_time_augmentation.NUM_VIEWS)


def augment(pairs, number):
    return test_time_augmentation.augment(
        tf.constant(pairs, tf.float32), tf.constant(number)
    ).numpy()


@pytest.mark.parametrize("number", NUMBERS)
def test_undo_is_the_inverse_of_the_pixels_transformation(number):
    """Patches of their own columns, rows, and numbers tell where a view has its pixels from."""
    rows, columns = np.indices((SIZE, SIZE))
    which = np.arange(2) + np.zeros([SIZE, SIZE, 1])
    pairs = np.stack([np.stack([columns] * 2, -1), np.stack([rows] * 2, -1), which])
    view = augment(pairs, number)
    exchanged = view[2, 0, 0, 0] == 1
    column, row = view[:2, ..., 1 if exchanged else 0]  # of A, which is never filled
    seen_at = np.stack([columns, rows, np.ones_like(rows)]).reshape(3, -1)
    lies_at = np.stack([column, row, np.ones_like(row)]).reshape(3, -1)
    pair_from_view = np.linalg.lstsq(seen_at.T, lies_at.T, rcond=None)[0].T

    h4pt = np.random.default_rng(number).uniform(-8, 8, [5, 4, 2]).astype(np.float32)
    a_from_b = geometry.matrix_from_h4pt(h4pt, SIZE).numpy()
    in_view = np.linalg.inv(a_from_b) if exchanged else a_from_b
    in_view = np.linalg.inv(pair_from_view) @ in_view @ pair_from_view
    units_from_pixels, pixels_from_units = geometry.normalization(SIZE)
    undone = test_time_augmentation.undo(
        tf.cast(units_from_pixels @ in_view @ pixels_from_units, tf.float32), number
    )
    undone = pixels_from_units @ undone.numpy() @ units_from_pixels
    np.testing.assert_allclose(geometry.h4pt_from_matrix(undone, SIZE), h4pt, atol=1e-3)


def test_the_first_view_exchanges_alone():
    pairs = np.random.default_rng(0).uniform(0, 255, [2, SIZE, SIZE, 2]).astype(np.float32)
    np.testing.assert_array_equal(augment(pairs, 0), pairs[..., ::-1])


def test_the_others_fill_a_quarter_of_b_at_nine_places():
    b = np.random.default_rng(0).uniform(0, 200, [SIZE, SIZE]).astype(np.float32)
    pairs = np.stack([np.full_like(b, 255.0), b], axis=-1)[None]
    places = set()
    for number in NUMBERS[1:]:
        view = augment(pairs, number)
        gray = view[view != 255.0]
        assert np.isclose(gray, b.mean(), atol=1e-3).sum() == SIZE * SIZE // 4
        places.add(np.isin(b, gray).tobytes())
    assert len(places) == 9


def test_a_view_in_a_pipeline_is_that_of_eager_code():
    pairs = np.random.default_rng(0).uniform(
        0, 255, [test_time_augmentation.NUM_VIEWS, 2, SIZE, SIZE, 2]
    )
    pairs = pairs.astype(np.float32)
    dataset = tf.data.Dataset.from_tensor_slices(
        (pairs, np.arange(test_time_augmentation.NUM_VIEWS))
    ).map(test_time_augmentation.augment)
    for number, view in enumerate(dataset):
        np.testing.assert_array_equal(view, augment(pairs[number], number))
