"""Figures of patches show what they claim."""

import numpy as np

from keras_homography.visualization import patch_figures


def test_quads_are_drawn_where_the_corners_are():
    patches = np.zeros((3, 40, 40, 2), np.float32)
    true = np.zeros((3, 4, 2), np.float32)
    predicted = np.full((3, 4, 2), 10.0, np.float32)
    figure = patch_figures.quads(patches, true, predicted, columns=2, margin=20)
    assert figure.shape == (160, 160, 3)
    assert figure.dtype == np.uint8
    tile = figure[:80, :80].astype(int)
    np.testing.assert_allclose(tile[40, 20], patch_figures.TRUE_COLOR, atol=40)  # antialiased
    np.testing.assert_allclose(tile[50, 30], patch_figures.PREDICTED_COLOR, atol=40)
    assert tile[0, 0].max() < 40


def test_a_quad_that_is_not_finite_is_not_drawn():
    patches, zeros = np.zeros((1, 40, 40, 2)), np.zeros((1, 4, 2))
    figure = patch_figures.quads(patches, zeros, np.full((1, 4, 2), np.nan), columns=1)
    red_minus_green = figure[..., 0].astype(int) - figure[..., 1]
    assert red_minus_green.max() <= 0
    assert red_minus_green.min() < -100  # the true quad is


def test_confidence_maps_are_bright_where_it_is_likely():
    probabilities = np.full((1, 4, 2, 21), 0.01, np.float32)
    probabilities[:, :, 0, 15], probabilities[:, :, 1, 5] = 0.8, 0.8  # 5 right, 5 up
    true = np.tile(np.float32([-8, 8]), (1, 4, 1))
    patches = np.zeros((1, 40, 40, 2), np.float32)
    figure = patch_figures.confidence_maps(patches, true, true, probabilities, rho=10)
    side = len(figure)
    assert figure.shape == (side, 5 * side, 3)
    for corner in range(4):
        likely = figure[:, (1 + corner) * side : (2 + corner) * side].astype(int)
        row, column = (round((bin_ + 0.5) / 21 * side) for bin_ in (5, 15))
        assert likely[row, column].sum() > likely[side // 2, side // 2].sum() + 150
        row, column = (round((bin_ + 0.5) / 21 * side) for bin_ in (18, 2))
        np.testing.assert_allclose(likely[row, column], patch_figures.TRUE_COLOR, atol=40)


def test_alignments_are_gray_where_the_prediction_is_right(images):
    image, size, shift = images[0, ..., 0], 100, 6
    patch_a, patch_b = image[50:150, 50:150], image[50:150, 50 + shift : 150 + shift]
    h4pt = np.tile(np.float32([shift, 0]), (1, 4, 1))  # B's corners lie further right in A
    figure = patch_figures.alignments(np.stack([patch_a, patch_b], -1)[None], h4pt, columns=1)
    assert figure.shape == (2 * size, size, 3)
    difference = np.abs(figure[..., 0].astype(int) - figure[..., 1])
    unaligned, aligned = difference[:size, : size - shift], difference[size:, : size - shift]
    assert aligned.max() <= 1
    assert unaligned.mean() > 5
    np.testing.assert_array_equal(figure[:size, :, 0], patch_a)
    np.testing.assert_array_equal(figure[size:, :, 1], patch_b)
