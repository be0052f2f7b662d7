"""Laws of homographies as tensors, and OpenCV as the oracle."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from helpers.in_graph import eager_and_in_tf_data, in_tflite
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from keras_homography import geometry

PATCH_SIZE = 128

# Below a quarter of the patch every quad is convex.
offsets = hnp.arrays(np.float32, (4, 2), elements=st.floats(-31, 31, width=32))
points = hnp.arrays(np.float32, (7, 2), elements=st.floats(0, PATCH_SIZE, width=32))


def random_h4pt(count, rho=31.0):
    return np.random.default_rng(0).uniform(-rho, rho, (count, 4, 2)).astype(np.float32)


def test_corners_are_in_the_documented_order():
    np.testing.assert_array_equal(geometry.corners(8), [[0, 0], [8, 0], [8, 8], [0, 8]])


@settings(deadline=None, max_examples=50)
@given(offsets)
def test_matrix_equals_opencv(h4pt):
    square = geometry.corners(PATCH_SIZE).numpy()
    expected = cv2.getPerspectiveTransform(square, square + h4pt)
    matrix = geometry.matrix_from_h4pt(tf.constant(h4pt), PATCH_SIZE).numpy()
    # Compared by where they send points: elements of a matrix have no unit.
    grid = np.mgrid[0:129:32, 0:129:32].reshape(2, -1).T.astype(np.float32)
    np.testing.assert_allclose(
        geometry.transform_points(matrix, grid),
        cv2.perspectiveTransform(grid[None], expected)[0],
        atol=2e-3,
    )


def test_matrix_between_any_two_quads_equals_opencv():
    random = np.random.default_rng(1)
    base = np.array([[0, 0], [3000, 0], [3000, 4000], [0, 4000]], np.float32)
    for _ in range(20):
        source, target = (base + random.uniform(-600, 600, (2, 4, 2))).astype(np.float32)
        matrix = geometry.matrix_from_points(source, target)
        inner = source.mean(axis=0) + 0.5 * (source - source.mean(axis=0))
        expected = cv2.perspectiveTransform(
            inner[None], cv2.getPerspectiveTransform(source, target)
        )[0]
        np.testing.assert_allclose(geometry.transform_points(matrix, inner), expected, atol=0.02)


@settings(deadline=None, max_examples=50)
@given(offsets)
def test_h4pt_round_trip(h4pt):
    matrix = geometry.matrix_from_h4pt(h4pt, PATCH_SIZE)
    np.testing.assert_allclose(geometry.h4pt_from_matrix(matrix, PATCH_SIZE), h4pt, atol=1e-3)


@settings(deadline=None, max_examples=50)
@given(offsets, points)
def test_inverse_undoes(h4pt, points):
    a_from_b = geometry.matrix_from_h4pt(h4pt, PATCH_SIZE)
    in_a = geometry.transform_points(a_from_b, points)
    in_b = geometry.transform_points(geometry.invert(a_from_b), in_a)
    np.testing.assert_allclose(in_b, points, atol=2e-2)


def test_compose_equals_one_after_the_other():
    b_from_a, c_from_b = geometry.matrix_from_h4pt(random_h4pt(2), PATCH_SIZE)
    points = geometry.corners(100)
    np.testing.assert_allclose(
        geometry.transform_points(geometry.compose(c_from_b, b_from_a), points),
        geometry.transform_points(c_from_b, geometry.transform_points(b_from_a, points)),
        atol=1e-3,
    )


def test_leading_dimensions_are_batches():
    h4pt = random_h4pt(6).reshape(2, 3, 4, 2)
    matrices = geometry.matrix_from_h4pt(h4pt, PATCH_SIZE).numpy()
    one_by_one = [geometry.matrix_from_h4pt(one, PATCH_SIZE) for one in h4pt.reshape(6, 4, 2)]
    np.testing.assert_allclose(matrices, np.reshape(one_by_one, (2, 3, 3, 3)), rtol=1e-5)


def test_resizing_equals_tf_image_resize():
    """An independent oracle: a ramp image knows the coordinates that it was resized from."""
    x = tf.tile(tf.range(12.0)[None, :, None], [6, 1, 1])
    enlarged = tf.image.resize(x, [12, 36])[0, :, 0].numpy()
    old_from_new = geometry.invert(geometry.resizing(tf.constant([3.0, 2.0])))
    columns = np.stack([np.arange(36.0), np.zeros(36)], axis=-1).astype(np.float32)
    expected = geometry.transform_points(old_from_new, columns)[:, 0].numpy()
    inside = (expected >= 0) & (expected <= 11)
    np.testing.assert_allclose(enlarged[inside], expected[inside], atol=1e-4)


def test_rescale_keeps_what_corresponds():
    a_from_b = geometry.matrix_from_h4pt(random_h4pt(1)[0], PATCH_SIZE)
    scale_a, scale_b = tf.constant([2.5, 0.5]), tf.constant([0.25, 3.0])
    point_b = tf.constant([[30.0, 70.0]])
    point_a = geometry.transform_points(a_from_b, point_b)
    rescaled = geometry.rescale(a_from_b, scale_a, scale_b)
    np.testing.assert_allclose(
        geometry.transform_points(rescaled, (point_b + 0.5) * scale_b - 0.5),
        (point_a + 0.5) * scale_a - 0.5,
        atol=1e-3,
    )


SQUARE = np.array([[0, 0], [10, 0], [10, 10], [0, 10]], np.float32)


@pytest.mark.parametrize(
    ("quad", "expected"),
    [
        (SQUARE, True),
        (SQUARE + 1000, True),
        (SQUARE[[0, 2, 1, 3]], False),  # self-crossing
        (SQUARE[::-1], False),  # mirrored
        ([[0, 0], [10, 0], [3, 3], [0, 10]], False),  # concave
        ([[0, 0], [5, 0], [10, 0], [0, 10]], False),  # three in a line
        ([[0, 0], [1, 1], [2, 2], [3, 3]], False),  # all in a line
        (np.zeros((4, 2)), False),  # one point
        (np.full((4, 2), np.nan), False),
    ],
)
def test_is_convex(quad, expected):
    assert bool(geometry.is_convex(tf.constant(quad, tf.float32))) == expected


@pytest.mark.parametrize(
    "quad",
    [
        SQUARE * 0,
        np.array([[0, 0], [5, 0], [10, 0], [0, 10]], np.float32),
        np.array([[0, 0], [1, 1], [2, 2], [3, 3]], np.float32),
        SQUARE[[0, 2, 1, 3]],
    ],
)
def test_values_and_gradients_of_degenerate_quads_are_finite(quad):
    quad = tf.constant(quad, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(quad)
        matrix = geometry.matrix_from_points(tf.constant(SQUARE), quad)
        moved = geometry.transform_points(geometry.invert(matrix), tf.constant(SQUARE))
        total = tf.reduce_sum(tf.tanh(matrix)) + tf.reduce_sum(tf.tanh(moved * 1e-6))
    assert np.isfinite(matrix).all()
    assert np.isfinite(moved).all()
    assert np.isfinite(tape.gradient(total, quad)).all()


def test_gradient_equals_finite_differences():
    h4pt = tf.constant(random_h4pt(1)[0])
    point = tf.constant([[40.0, 90.0]])

    def x_of_point(h4pt):
        matrix = geometry.matrix_from_h4pt(h4pt, PATCH_SIZE)
        return geometry.transform_points(matrix, point)[0, 0]

    with tf.GradientTape() as tape:
        tape.watch(h4pt)
        value = x_of_point(h4pt)
    gradient = tape.gradient(value, h4pt).numpy()
    for corner, axis in np.ndindex(4, 2):
        step = np.zeros((4, 2), np.float32)
        step[corner, axis] = 1.0
        numeric = (x_of_point(h4pt + step) - x_of_point(h4pt - step)) / 2.0
        np.testing.assert_allclose(gradient[corner, axis], numeric, atol=5e-3)


def test_the_same_in_a_dataset():
    eager, in_graph = eager_and_in_tf_data(
        lambda h4pt: geometry.matrix_from_h4pt(h4pt, PATCH_SIZE), random_h4pt(3)
    )
    np.testing.assert_allclose(eager, in_graph, rtol=1e-5)


def test_the_same_in_tflite():
    def round_trip(h4pt):
        a_from_b = geometry.matrix_from_h4pt(h4pt, PATCH_SIZE)
        scale = tf.constant([0.5, 0.5])
        small = geometry.rescale(a_from_b, scale, scale)
        return geometry.compose(small, geometry.invert(a_from_b))

    h4pt = random_h4pt(2)
    np.testing.assert_allclose(in_tflite(round_trip, h4pt), round_trip(h4pt), atol=1e-3)
