"""Lucas–Kanade on pairs with a known homography."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.in_graph import eager_and_in_tf_data, in_tflite

from keras_homography import models
from keras_homography.data import batching, distortions, synthetic_source
from keras_homography.data.pair_spec import PairSpec
from keras_homography.evaluation import metrics
from keras_homography.layers import lucas_kanade

# Of tests that are not about where it converges: a step of each size of patch.
FEW_STEPS = ((2, 1), (1, 1))


@functools.cache
def make_pairs(distortion=None):
    """Make eight pairs; their arrays are shared, and cannot be written to."""
    batches = batching.pair_batches(
        synthetic_source.SyntheticSource(120, 160),
        PairSpec(patch_size=64, rho=12, image_width=160, image_height=120),
        seed=3,
        batch_size=8,
        distort=distortions.get_distortion(distortion) if distortion else None,
    )
    patches, h4pt = (tensor.numpy() for tensor in next(iter(batches)))
    patches.flags.writeable = h4pt.flags.writeable = False
    return patches, h4pt


def near(h4pt, distance):
    """Corners that are wrong by a distance, on average, in pixels."""
    offsets = np.random.default_rng(0).normal(size=h4pt.shape)
    mean = np.linalg.norm(offsets, axis=-1).mean(axis=-1)[:, None, None]
    return (h4pt + distance * offsets / mean).astype(np.float32)


def refine(patches, start, **options):
    return [output.numpy() for output in lucas_kanade.LucasKanade(**options)(patches, start)]


@pytest.mark.long
def test_clean_pairs_become_exact():
    patches, h4pt = make_pairs()
    refined, disagreement, moved = refine(patches, near(h4pt, 1.0))
    errors = metrics.corner_errors(h4pt, refined)
    assert np.median(errors) < 0.02
    assert (errors < 0.3).all()
    assert disagreement.shape == (8,)
    assert (disagreement < 0.45).all()
    assert (moved < 0.1).all()


@pytest.mark.long
def test_the_truth_stays():
    patches, h4pt = make_pairs()
    refined, *_ = refine(patches, h4pt)
    assert (metrics.corner_errors(h4pt, refined) < 0.05).all()


def test_light_and_gamma_are_fitted():
    patches, h4pt = make_pairs()
    dark = patches.copy()
    dark[..., 1] = 20 + 150 * (patches[..., 1] / 255) ** 1.5
    refined, *_ = refine(dark, near(h4pt, 1.0))
    assert np.median(metrics.corner_errors(h4pt, refined)) < 0.1


def test_camera_noise_costs_little():
    patches, h4pt = make_pairs("photometric")
    refined, *_ = refine(patches, near(h4pt, 1.0))
    assert np.median(metrics.corner_errors(h4pt, refined)) < 0.5


def test_occluded_parts_are_left_out():
    patches, h4pt = make_pairs("occlusion")
    refined, *_ = refine(patches, near(h4pt, 0.5))
    assert np.median(metrics.corner_errors(h4pt, refined)) < 0.25


def test_unrelated_patches_disagree():
    patches, h4pt = make_pairs()
    unrelated = np.stack([patches[..., 0], np.roll(patches[..., 1], 1, axis=0)], axis=-1)
    start = np.zeros_like(h4pt)
    refined, disagreement, _ = refine(unrelated, start)
    _, right, _ = refine(patches, h4pt)
    assert np.isfinite(refined).all()
    assert disagreement.min() > right.max()


@pytest.mark.parametrize("gray", [0.0, 100.0, 255.0])
def test_without_texture_the_start_stays(gray):
    patches = np.full([1, 64, 64, 2], gray, np.float32)
    start = np.full([1, 4, 2], 3.0, np.float32)
    refined, disagreement, _ = refine(patches, start)
    np.testing.assert_allclose(refined, start, atol=1e-2)
    assert np.isfinite(disagreement).all()


@pytest.mark.parametrize("start", [1e4, -60.0])
def test_a_start_outside_of_the_patch_gives_finite_numbers(start):
    patches, _ = make_pairs()
    refined, disagreement, _ = refine(patches, np.full([8, 4, 2], start, np.float32))
    assert np.isfinite(refined).all()
    assert np.isfinite(disagreement).all()


def test_eagerly_and_in_tf_data():
    patches, h4pt = make_pairs()
    layer = lucas_kanade.LucasKanade()
    eager, in_graph = eager_and_in_tf_data(lambda p, h: layer(p, h)[0], patches, near(h4pt, 0.5))
    np.testing.assert_allclose(in_graph, eager, atol=1e-2)


@pytest.mark.long
def test_gradients_are_finite():
    patches, h4pt = (tf.constant(array) for array in make_pairs())
    with tf.GradientTape() as tape:
        tape.watch((patches, h4pt))
        refined, *_ = lucas_kanade.LucasKanade(steps=FEW_STEPS)(patches, h4pt + 0.3)
        total = tf.reduce_sum(tf.square(refined - h4pt))
    for gradient in tape.gradient(total, (patches, h4pt)):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).max() > 0


def test_attached_to_a_model_and_read_back(tmp_path):
    patches, h4pt = make_pairs()
    model = models.build("homographynet", patch_size=64, width=0.1)  # answers identity
    refined = lucas_kanade.attach(model, steps=FEW_STEPS)
    assert refined.output_shape == (None, 4, 2)
    expected, *_ = refine(patches, np.zeros_like(h4pt), steps=FEW_STEPS)
    attached = refined(patches)
    np.testing.assert_allclose(attached, expected, atol=1e-3)
    refined.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(copy(patches), attached, atol=1e-3)


@pytest.mark.long
def test_converts_to_tflite():
    patches, h4pt = (array[:1] for array in make_pairs())
    layer = lucas_kanade.LucasKanade()
    in_lite = in_tflite(lambda p, h: layer(p, h)[0], patches, near(h4pt, 1.0))
    assert metrics.corner_errors(h4pt, in_lite)[0] < 0.05


def test_without_robust_weights_occlusion_misleads():
    patches, h4pt = make_pairs("occlusion")
    start = near(h4pt, 0.5)
    robust, *_ = refine(patches, start)
    plain, *_ = refine(patches, start, robust=False)
    assert np.median(metrics.corner_errors(h4pt, robust)) < np.median(
        metrics.corner_errors(h4pt, plain)
    )


@pytest.mark.long
def test_little_overlap_counts_as_disagreement():
    patches, h4pt = make_pairs()
    start = np.full_like(h4pt, 28.0)  # A contains about a third of B
    _, strict, _ = refine(patches, start, steps=((1, 1),), min_overlap=0.65)
    _, lenient, _ = refine(patches, start, steps=((1, 1),), min_overlap=1e-3)
    assert (strict > 1.5 * lenient).all()


def test_options_are_serializable():
    options = {"steps": ((1, 2),), "block": 4, "min_overlap": 0.5, "robust": False}
    config = lucas_kanade.LucasKanade(**options).get_config()
    copy = lucas_kanade.LucasKanade.from_config(config)
    assert {name: getattr(copy, name) for name in options} == options
    # Files of version 0.2 and before have the first two alone.
    former = {key: config[key] for key in config if key not in ("min_overlap", "robust")}
    copy = lucas_kanade.LucasKanade.from_config(former)
    assert (copy.min_overlap, copy.robust) == (0.65, True)


def test_a_batch_size_stays_known_after_a_trace_for_any():
    """TFLite cannot convert loops over tensors of unknown size."""
    layer = lucas_kanade.LucasKanade(steps=((1, 1),))
    for size in (None, 1):
        pairs, h4pt = tf.TensorSpec([size, 16, 16, 2]), tf.TensorSpec([size, 4, 2])
        traced = tf.function(layer, autograph=False).get_concrete_function(pairs, h4pt)
        shapes = tf.nest.map_structure(lambda shape: shape.as_list(), tuple(traced.output_shapes))
        assert shapes == ([size, 4, 2], [size], [size])
