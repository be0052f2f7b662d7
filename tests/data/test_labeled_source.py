"""Patches from labeled pairs: labels agree with pixels by OpenCV, the seed decides everything."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from helpers.labeled_folders import write_scenes

from keras_homography.data import labeled_images, labeled_source, matching_pairs
from keras_homography.data.pair_spec import PairSpec

SIZE, RHO = 64, 12
ORDER = {"seed": 3, "batch_size": 8}


@pytest.fixture(scope="module")
def source(images, tmp_path_factory):
    folder = write_scenes(tmp_path_factory.mktemp("pairs"), images, sides=(150, 130))
    pairs, _ = labeled_images.read_folder(
        folder, width=150, height=130, min_side=SIZE, max_residual=1.0
    )
    return labeled_source.LabeledSource(pairs)


def corner_batches(source, **options):
    return source.corner_batches(PairSpec(SIZE, RHO, 150, 130), **(ORDER | options))


def matching_batches(source, **options):
    return source.matching_batches(SIZE, **(ORDER | options))


def correlation(pair, b_from_a):
    """Of B with A warped by the label, where neither is black: outside of photos."""
    warped = cv2.warpPerspective(pair[..., 0], b_from_a, (SIZE, SIZE))
    shown = cv2.erode(np.uint8((warped > 0) & (pair[..., 1] > 0)), np.ones([3, 3])) > 0
    return np.corrcoef(warped[shown], pair[..., 1][shown])[0, 1] if shown.sum() > 200 else 1.0


def test_corners_agree_with_pixels(source):
    shares = []
    for patches, h4pt in corner_batches(source).take(2).as_numpy_iterator():
        assert patches.shape == (8, SIZE, SIZE, 2)
        assert np.abs(h4pt).max() < RHO
        for pair, offsets in zip(patches, h4pt, strict=True):
            corners = np.float32([[0, 0], [SIZE, 0], [SIZE, SIZE], [0, SIZE]])
            b_from_a = cv2.getPerspectiveTransform(corners + offsets, corners)
            assert correlation(pair, b_from_a) > 0.9
            shares.append((pair > 0).mean())
    assert np.mean(shares) > 0.9


def test_positions_agree_with_pixels_and_opencv(source):
    centers = matching_pairs.cell_centers(SIZE).numpy()
    # The first tenth of a run: homographies are small, so that most of A is to be seen.
    correlations, shares = [], []
    for patches, labels in matching_batches(source, steps=10**6).take(3).as_numpy_iterator():
        for pair, b_from_a, positions, visible in zip(patches, *labels, strict=True):
            expected = cv2.perspectiveTransform(centers[None].astype(float), b_from_a.astype(float))
            np.testing.assert_allclose(positions[visible], expected[0][visible], atol=0.02)
            assert ((positions >= 0) & (positions <= SIZE - 1)).all()
            shares.append(visible.mean())
            pixels = pair.astype(int)
            at_a = tuple(centers[visible].round().astype(int).T[::-1])
            at_b = tuple(positions[visible].round().astype(int).T[::-1])
            blurred = [cv2.blur(pixels[..., i].astype(np.float32), (5, 5)) for i in (0, 1)]
            if visible.sum() > 30:
                correlations.append(np.corrcoef(blurred[0][at_a], blurred[1][at_b])[0, 1])
    assert np.median(correlations) > 0.9
    assert 0.4 < np.mean(shares) < 1.0


def test_a_pair_is_the_same_from_any_step_and_for_any_number_of_workers(source):
    whole = [tf.nest.flatten(batch) for batch in matching_batches(source).take(3)]
    later = tf.nest.flatten(next(iter(matching_batches(source, start_step=2))))
    (part,) = (tf.nest.flatten(batch) for batch in matching_batches(source, shard=(1, 2)).take(1))
    for number, expected in enumerate(whole[2]):
        np.testing.assert_array_equal(later[number], expected)
        np.testing.assert_array_equal(part[number], whole[0][number][1::2])
    assert not np.array_equal(whole[0][0], whole[1][0])
    # Of one difficulty: homographies of the full range from the first step.
    linear = tf.concat([batch[1] for batch in whole], axis=0)[:, :2, :2]
    assert float(tf.reduce_mean(tf.abs(linear - tf.eye(2)))) > 0.1
