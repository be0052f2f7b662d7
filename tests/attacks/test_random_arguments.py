"""Functions of numbers, given anything: a valid result, or a `ValueError` that says what is not."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import keras_homography
from keras_homography import geometry, models
from keras_homography.evaluation import metrics
from keras_homography.geometry import warping
from keras_homography.visualization import alignment_overlays, panorama, patch_figures

DTYPES = [np.float32, np.float64, np.float16, np.int64, np.uint8, bool, complex, "U3", object]
SHAPES = st.one_of(
    st.sampled_from([(4, 2), (3, 3), (2,), (2, 4, 2), (2, 3, 3), (0, 4, 2), (1, 5, 6, 2), ()]),
    hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=4),
)
ANYTHING = st.one_of(
    st.tuples(st.sampled_from(DTYPES[:3]), SHAPES).flatmap(
        lambda of: hnp.arrays(*of, elements=st.floats(-1000, 1000, width=16))
    ),
    st.tuples(st.sampled_from(DTYPES), SHAPES).flatmap(
        lambda of: st.builds(np.full, st.just(of[1]), st.just(7), dtype=st.just(of[0]))
    ),
    st.tuples(SHAPES, st.sampled_from([np.nan, np.inf, -np.inf, 1e38])).map(
        lambda of: np.full(of[0], of[1], np.float32)
    ),
    hnp.arrays(np.float32, (8, 4), elements=st.floats(-50, 50, width=16)).map(
        lambda array: array[::-2, ::2]  # strides that are negative, not contiguous
    ),
    st.sampled_from(
        [None, "text", b"bytes", 7, [[1, 2], [3]], [[0, 0], [9, 0], [9, 9], [0, 9]], {}]
    ),
)
FUNCTIONS = {
    geometry.matrix_from_points: 2,
    lambda h4pt: geometry.matrix_from_h4pt(h4pt, 128): 1,
    lambda matrix: geometry.h4pt_from_matrix(matrix, 128): 1,
    geometry.transform_points: 2,
    geometry.compose: 2,
    geometry.invert: 1,
    geometry.translation: 1,
    geometry.resizing: 1,
    geometry.rescale: 3,
    geometry.is_convex: 1,
    lambda points: warping.inside(points, 5, 6): 1,
    warping.sample: 2,
    lambda images, matrix: warping.warp(images, matrix, 4, 4): 2,
    metrics.corner_errors: 2,
    metrics.summarize: 1,
    metrics.summarize_predictions: 2,
    keras_homography.load_pretrained(): 1,
}


def is_ordinary(argument):
    """Numbers of a size that coordinates have."""
    numbers = np.asarray(argument)
    return np.isfinite(numbers).all() and (np.abs(numbers) <= 1000).all()


@pytest.mark.parametrize(("function", "count"), FUNCTIONS.items())
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_numbers_or_an_error(function, count, data):
    arguments = [data.draw(ANYTHING) for _ in range(count)]
    try:
        result = function(*arguments)
    except ValueError as error:
        assert len(str(error)) > 20  # noqa: PT017
        return
    if all(map(is_ordinary, arguments)):
        values = list(result.values()) if isinstance(result, dict) else [result]
        assert all(np.isfinite(np.asarray(value)).all() for value in values if value is not None)


def test_what_is_wrong_is_said():
    for wrong in (np.zeros([3, 2]), np.zeros([2, 4, 3], np.float32), 7.0):
        with pytest.raises(ValueError, match=r"h4pt has to be \[\.\.\., 4, 2\], real numbers; got"):
            geometry.matrix_from_h4pt(wrong, 128)
    with pytest.raises(ValueError, match="got complex128"):
        geometry.invert(np.eye(3, dtype=complex))
    with pytest.raises(ValueError, match="errors is empty"):
        metrics.summarize([])


def test_numbers_of_every_type_are_converted():
    offsets = [[1, 2], [3, 4], [5, 6], [7, 8]]
    expected = geometry.matrix_from_h4pt(np.array(offsets, np.float32), 128)
    for h4pt in (offsets, np.array(offsets), np.array(offsets, np.float64), np.float16(offsets)):
        np.testing.assert_array_equal(geometry.matrix_from_h4pt(h4pt, 128), expected)


@pytest.mark.long
@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from([*models.ARCHITECTURES, "resnet", ""]),
    st.dictionaries(
        st.sampled_from(["patch_size", "rho", "dropout", "stages"]),
        st.sampled_from([0, -1, 1, 7, 16, 32, 33, 0.05, 0.5, 1.5, math.nan, math.inf, "x", None]),
    ),
    st.sampled_from([0.05, 0.1, 0.3, 0, -1, math.nan, "x", None]),
)
def test_architectures_of_any_options(name, options, width):
    try:
        model = models.build(name, width=width, **options)
    except ValueError as error:
        assert len(str(error)) > 20  # noqa: PT017
        return
    if name == "matcher":
        image = np.random.default_rng(0).uniform(0, 255, [1, 64, 32, 1]).astype(np.float32)
        outputs = model(image)
        assert outputs["reliability"].shape == (1, 8, 4, 1)
        assert all(np.isfinite(output).all() for output in outputs.values())
        return
    size = model.input_shape[1]
    pairs = np.random.default_rng(0).uniform(0, 255, [1, size, size, 2]).astype(np.float32)
    outputs = model(pairs) if isinstance(model.output, list) else [model(pairs)]
    assert outputs[0].shape == (1, 4, 2)
    assert np.isfinite(outputs[0]).all()


@settings(deadline=None, max_examples=40)
@given(
    hnp.arrays(np.float64, (3, 3), elements=st.floats(-100, 100)),
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))),
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))),
)
def test_pictures_of_any_alignment(b_from_a, image_a, image_b):
    size_b = image_b.shape[1], image_b.shape[0]
    aligned = alignment_overlays.align(image_a, b_from_a, size_b)
    for picture in (
        alignment_overlays.red_cyan(aligned, image_b),
        alignment_overlays.checkerboard(aligned, image_b),
    ):
        assert picture.shape == image_b.shape
        assert picture.dtype == np.uint8
    canvas = panorama.blend(image_a, image_b, b_from_a)
    assert canvas.dtype == np.uint8
    assert max(canvas.shape) <= 3 * max(*image_a.shape, *image_b.shape) + 1
    assert cv2.imencode(".png", canvas)[0]


@settings(deadline=None, max_examples=20)
@given(
    hnp.arrays(np.float32, (2, 4, 2), elements=st.floats(allow_nan=True, width=32)),
    hnp.arrays(np.float32, (2, 4, 2), elements=st.floats(-40, 40, width=32)),
)
def test_quads_of_any_prediction_are_drawn(h4pt, h4pt_true):
    patches = np.full([2, 32, 32, 2], 99, np.float32)
    assert patch_figures.quads(patches, h4pt_true, h4pt).dtype == np.uint8
