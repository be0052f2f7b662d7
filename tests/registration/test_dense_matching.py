"""Dense matching against NumPy's plain definition, and positions within a cell."""

import numpy as np
import tensorflow as tf

from keras_homography.models import matcher_grid
from keras_homography.registration import dense_matching
from keras_homography.training import matching_losses


def features(seed, rows=6, columns=8, like=None, noise=0.0):
    generator = np.random.default_rng(seed)
    if like is not None:
        return dense_matching.Features(
            like.coarse + noise * generator.normal(size=like.coarse.shape).astype(np.float32),
            like.fine + noise * generator.normal(size=like.fine.shape).astype(np.float32),
            like.reliability,
        )
    return dense_matching.Features(
        generator.normal(size=(rows, columns, 16)).astype(np.float32),
        2.0 * generator.normal(size=(2 * rows, 2 * columns, 8)).astype(np.float32),
        generator.uniform(0.5, 1.0, (rows, columns)).astype(np.float32),
    )


def test_an_image_matches_itself_cell_by_cell():
    a = features(0)
    matches = dense_matching.match(a, a)
    assert len(matches.points_a) == 48
    centers = np.stack(np.meshgrid(np.arange(8), np.arange(6)), -1).reshape(-1, 2) * 8 + 3.5
    np.testing.assert_allclose(matches.points_a, centers)
    assert np.abs(matches.points_b - centers).max() < 4 * matcher_grid.FINE_STRIDE  # the window


def test_matches_are_mutual_and_scored_by_the_reliability_of_both():
    a = features(1)
    b = features(2, like=a, noise=0.7)
    matches = dense_matching.match(a, b)
    logits = a.coarse.reshape(48, -1) @ b.coarse.reshape(48, -1).T
    expected = [i for i in range(48) if logits[:, logits[i].argmax()].argmax() == i]
    assert 10 < len(expected) < 48
    np.testing.assert_array_equal(
        matches.points_a // 8 @ np.array([1, 8], np.float32), np.array(expected, float)
    )
    reliability = a.reliability.ravel()[expected]
    reliability = reliability * b.reliability.ravel()[logits[expected].argmax(1)]
    np.testing.assert_allclose(matches.scores, reliability)


def test_large_images_are_matched_block_by_block_alike(monkeypatch):
    a = features(1)
    b = features(2, like=a, noise=0.7)
    expected = dense_matching.match(a, b)
    monkeypatch.setattr(dense_matching, "_BLOCK", 7)
    matches = dense_matching.match(a, b)
    np.testing.assert_array_equal(matches.points_a, expected.points_a)
    np.testing.assert_array_equal(matches.points_b, expected.points_b)


def test_of_cells_that_look_the_same_one_is_matched():
    a = features(1)
    a.coarse[:] = a.coarse[0, 0]
    matches = dense_matching.match(a, a)
    assert matches.points_a.tolist() == [[3.5, 3.5]]


def test_of_many_cells_the_most_reliable_are_matched(monkeypatch):
    a = features(1)
    b = features(2, like=a, noise=0.05)
    monkeypatch.setattr(dense_matching, "_MAX_CELLS", 20)
    matches = dense_matching.match(a, b)
    cells = (matches.points_a // 8 @ np.array([1, 8], np.float32)).astype(int)
    assert set(cells) == set(np.argsort(-a.reliability.ravel())[:20])
    assert (np.diff(cells) > 0).all()


def test_cells_that_do_not_show_the_image_match_nothing():
    a = features(1)
    shown = np.ones(a.reliability.shape, np.float32)
    shown[:, :5] = 0
    masked = dense_matching.Features(a.coarse * shown[..., None], a.fine, a.reliability * shown)
    assert (dense_matching.match(masked, masked).points_a[:, 0] > 40).all()
    assert (dense_matching.match(a, masked).points_b[:, 0] > 24).all()
    nothing = dense_matching.Features(a.coarse, a.fine, 0 * shown)
    assert dense_matching.match(a, nothing).points_a.shape == (0, 2)


def test_some_of_the_matches_are_chosen_by_a_mask_or_by_indices():
    a = features(1)
    matches = dense_matching.match(a, a)
    mask = np.arange(len(matches.scores)) % 3 == 0
    for chosen in (mask, np.flatnonzero(mask)):
        some = matches.where(chosen)
        np.testing.assert_array_equal(some.points_a, matches.points_a[mask])
        np.testing.assert_array_equal(some.points_b, matches.points_b[mask])
        np.testing.assert_array_equal(some.scores, matches.scores[mask])


def test_positions_in_a_window_are_those_of_training():
    """The offsets are the expectation that the loss of training computes, by other code."""
    a = features(3)
    b = features(4, like=a, noise=0.2)
    matches = dense_matching.match(a, b)
    cells_b = _nearest(a, b)
    logits = matching_losses.fine_logits(
        tf.constant(a.fine[None]), tf.constant(b.fine[None]), tf.constant(cells_b[None], tf.int32)
    )
    expected = tf.matmul(tf.nn.softmax(logits), matching_losses.window_offsets())[0].numpy()
    cells_a = (matches.points_a // 8 @ np.array([1, 8], np.float32)).astype(int)
    centers = np.stack([cells_b % 8, cells_b // 8], -1)[cells_a] * 8 + 3.5
    np.testing.assert_allclose(matches.points_b, centers + expected[cells_a], atol=1e-3)


def _nearest(a, b):
    return (a.coarse.reshape(48, -1) @ b.coarse.reshape(48, -1).T).argmax(axis=1)


def test_a_feature_at_a_known_place_is_found_there():
    """One fine feature of B equals the query and no other does: the match lies at its center."""
    channels, stride = 8, matcher_grid.FINE_STRIDE
    a = features(5)
    query = np.zeros(channels, np.float32)
    query[0] = 8.0
    fine_a = np.tile(query, [12, 16, 1])
    for row, column in ((4, 7), (5, 6), (7, 9)):  # in or next to the cell (2, 3)
        fine_b = np.zeros([12, 16, channels], np.float32)
        fine_b[row, column, 0] = 8.0
        matches = dense_matching.match(
            dense_matching.Features(a.coarse, fine_a, a.reliability),
            dense_matching.Features(a.coarse, fine_b, a.reliability),
        )
        number = np.flatnonzero((matches.points_a == [3 * 8 + 3.5, 2 * 8 + 3.5]).all(axis=1))[0]
        place = (np.array([column, row]) + 0.5) * stride - 0.5
        np.testing.assert_allclose(matches.points_b[number], place, atol=1e-3)
