"""Pairs: labels agree with pixels, the seed decides everything."""

import cv2
import keras
import numpy as np
import tensorflow as tf
from helpers.in_graph import eager_and_in_tf_data
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_homography import geometry
from keras_homography.data import pairs
from keras_homography.data.pair_spec import PairSpec

INVERSE = cv2.WARP_INVERSE_MAP | cv2.INTER_LINEAR


def draw_many(count, seed=0, **options):
    spec = PairSpec(**options)
    draws = tf.data.Dataset.range(count).map(lambda i: pairs.sample_pair(seed, i, spec))
    return next(draws.batch(count).as_numpy_iterator())


def test_pixels_agree_with_the_label_by_opencv(images):
    """Patch B is what OpenCV makes of the image, and of patch A, with the label's homography."""
    positions, h4pt = draw_many(4)
    patches = pairs.extract_patches(images, positions, h4pt, 128).numpy()
    square = geometry.corners(128).numpy()
    for image, position, offsets, patch in zip(images, positions, h4pt, patches, strict=True):
        x, y = position
        np.testing.assert_array_equal(patch[..., 0], image[y : y + 128, x : x + 128, 0])

        a_from_b = cv2.getPerspectiveTransform(square, square + offsets)
        placed = square + position.astype(np.float32)
        image_from_b = cv2.getPerspectiveTransform(placed, placed + offsets)
        warped_image = cv2.warpPerspective(
            image.astype(np.float32), image_from_b, (320, 240), flags=INVERSE
        )
        cropped = warped_image[y : y + 128, x : x + 128]
        assert np.abs(patch[..., 1] - cropped).mean() < 0.5

        warped_a = cv2.warpPerspective(
            patch[..., 0], a_from_b, (128, 128), flags=INVERSE, borderValue=-1000
        )
        inside = warped_a >= 0
        assert inside.mean() > 0.3
        assert np.abs(patch[..., 1] - warped_a)[inside].mean() < 1.0


def test_patch_b_is_what_keras_makes_of_the_image(images):
    """The whole image by Keras, cropped: it has no other way to warp a part."""
    positions, h4pt = draw_many(4)
    patches = pairs.extract_patches(images, positions, h4pt, 128).numpy()
    placed = geometry.corners(128).numpy() + positions[:, None, :].astype(np.float32)
    warped = keras.ops.image.perspective_transform(
        images.astype(np.float32), placed + h4pt, placed, data_format="channels_last"
    ).numpy()
    for (x, y), patch, image in zip(positions, patches, warped, strict=True):
        difference = np.abs(patch[..., 1] - image[y : y + 128, x : x + 128, 0])
        assert difference.max() < 1.0


def test_the_inverse_label_does_not_explain_the_pixels(images):
    """What users of every peer ask: is it the matrix or its inverse?"""
    positions, h4pt = draw_many(1)
    patch = pairs.extract_patches(images[:1], positions, h4pt, 128).numpy()[0]
    a_from_b = geometry.matrix_from_h4pt(h4pt, 128).numpy()[0].astype(np.float64)
    errors = []
    for flags in (INVERSE, cv2.INTER_LINEAR):
        warped = cv2.warpPerspective(
            patch[..., 0], a_from_b, (128, 128), flags=flags, borderValue=-1000
        )
        errors.append(np.abs(patch[..., 1] - warped)[warped >= 0].mean())
    assert errors[0] < errors[1] / 5


@settings(deadline=None, max_examples=30)
@given(
    patch_size=st.integers(8, 64),
    share=st.floats(0.02, 0.49),
    extra=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    seed=st.integers(-(2**62), 2**62),
    integer_offsets=st.booleans(),
)
def test_draws_stay_in_range(patch_size, share, extra, seed, integer_offsets):
    rho = max(1, int(patch_size * share))
    height, width = (patch_size + 2 * rho + more for more in extra)
    spec = PairSpec(patch_size, rho, width, height, integer_offsets)
    (x, y), h4pt = pairs.sample_pair(seed, 3, spec)
    assert rho <= x <= width - patch_size - rho
    assert rho <= y <= height - patch_size - rho
    assert np.abs(h4pt).max() <= rho
    assert geometry.is_convex(geometry.corners(patch_size) + h4pt)


def test_draws_are_uniform():
    positions, h4pt = draw_many(400)
    assert positions.min(axis=0).tolist() == [32, 32]
    np.testing.assert_array_less([150, 75], positions.max(axis=0))
    np.testing.assert_allclose(h4pt.mean(axis=0), 0.0, atol=4.0)
    np.testing.assert_allclose(h4pt.std(axis=0), 64 / np.sqrt(12), atol=1.5)


def test_integer_offsets_have_the_expected_identity_error():
    _, h4pt = draw_many(600, integer_offsets=True)
    np.testing.assert_array_equal(h4pt, np.round(h4pt))
    assert np.abs(h4pt).max() == 32
    # Mean distance of two independent integers in [-32, 32], by enumeration.
    x, y = np.mgrid[-32:33, -32:33]
    expected = np.hypot(x, y).mean()
    assert abs(np.linalg.norm(h4pt, axis=-1).mean() - expected) < 0.6


def test_seed_and_index_decide():
    first, again = draw_many(3), draw_many(3)
    other = draw_many(3, seed=1)
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])
    assert len({h4pt.tobytes() for h4pt in first[1]}) == 3


def test_the_same_in_a_dataset(images):
    def make(index):
        position, h4pt = pairs.sample_pair(5, index, PairSpec())
        return pairs.extract_patches(images[:1], position[None], h4pt[None], 128), h4pt

    eager, in_graph = eager_and_in_tf_data(make, tf.constant(7, tf.int64))
    np.testing.assert_array_equal(eager[1], in_graph[1])
    np.testing.assert_array_equal(eager[0], in_graph[0])
