"""Pairs for the matcher: labels agree with pixels and with OpenCV, the seed decides everything."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_homography.data import matching_pairs, synthetic_source

SIZE = 96


@pytest.fixture(scope="module")
def source():
    return synthetic_source.SyntheticSource(120, 160, channels=3)


def batches(source, count, **options):
    options = {"seed": 4, "batch_size": 4, "steps": None} | options
    made = matching_pairs.pair_batches(source, SIZE, **options).take(count)
    return list(made.as_numpy_iterator())


@pytest.fixture(scope="module")
def made(source):
    return batches(source, 4)


@pytest.mark.long
def test_positions_are_those_of_the_homography_by_opencv(made):
    centers = matching_pairs.cell_centers(SIZE).numpy()
    np.testing.assert_allclose(centers[[0, 1, -1]], [[3.5, 3.5], [11.5, 3.5], [91.5, 91.5]])
    shares = []
    for _, (b_from_a, positions, visible) in made:
        for matrix, of_pair, shown in zip(b_from_a, positions, visible, strict=True):
            expected = cv2.perspectiveTransform(centers[None].astype(float), matrix.astype(float))
            np.testing.assert_allclose(of_pair[shown], expected[0][shown], atol=0.02)
            assert ((of_pair[shown] >= 0) & (of_pair[shown] <= SIZE - 1)).all()
            shares.append(shown.mean())
    assert 0.2 < np.mean(shares) < 0.95


@pytest.mark.long
def test_pixels_agree_with_the_label(source):
    """In pairs that are easy and of cameras, B is A warped by OpenCV with the label."""
    correlations = []
    for patches, (b_from_a, _, visible) in batches(source, 4, steps=10**9, share_of_sensors=0.0):
        for pair, matrix, shown in zip(patches, b_from_a, visible, strict=True):
            warped = cv2.warpPerspective(pair[..., 0], matrix, (SIZE, SIZE), borderValue=-1)
            inside = warped >= 0
            if shown.mean() > 0.3:
                pixels = warped[inside], pair[..., 1][inside]
                correlations.append(np.corrcoef(*pixels)[0, 1])
    assert len(correlations) >= 8
    assert np.median(correlations) > 0.85


@pytest.mark.long
def test_a_pair_is_the_same_whatever_the_batches_begin_with(source, made):
    later = batches(source, 1, start_step=2)[0]
    for expected, value in zip(tf.nest.flatten(made[2]), tf.nest.flatten(later), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-3)


def test_the_difficulty_grows_from_a_fifth_to_one_in_the_first_half():
    values = [float(matching_pairs.difficulty_at(tf.constant(step), 1000)) for step in range(1000)]
    assert values[0] == pytest.approx(0.2)
    assert values[500] == values[-1] == pytest.approx(1.0)
    assert (np.diff(values) >= 0).all()


def test_homographies_cover_the_range_at_difficulty_1_and_are_near_the_identity_at_0():
    def draw(number):
        seed = tf.stack([tf.constant(1, tf.int64), number])
        return [
            matching_pairs.sample_homography(seed, tf.constant(difficulty), SIZE)
            for difficulty in (1.0, 0.0)
        ]

    drawn = tf.data.Dataset.range(2000).map(lambda number: tuple(draw(number))).batch(2000)
    hard, easy = next(drawn.as_numpy_iterator())
    np.testing.assert_allclose(easy[:, :2, :2], np.tile(np.eye(2), [2000, 1, 1]), atol=1e-5)
    # The affine part, about the center of both patches.
    center = np.eye(3)
    center[:2, 2] = (SIZE - 1) / 2
    centered = np.linalg.inv(center) @ hard @ center
    linear = centered[:, :2, :2] / centered[:, 2:, 2:]
    longest, shortest = np.linalg.svd(linear, compute_uv=False).T
    scale = np.sqrt(longest * shortest)
    assert scale.min() < 0.3
    assert scale.max() > 3.3
    assert 0.8 < np.median(scale) < 1.25
    assert 2.5 < (longest / shortest).max() < 3.0  # tilt: cos(70 degrees) is 1 / 2.92


@pytest.mark.long
def test_validation_pairs_are_counted_and_of_full_difficulty(source):
    batches = matching_pairs.validation_batches(source, SIZE, 5, share_of_sensors=0.7)
    assert [len(patches) for patches, _ in batches] == [5]
