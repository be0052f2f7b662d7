"""Adaptive refinement: easy pairs stop early, hard ones are tried again."""

import copy

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_homography import geometry, models
from keras_homography.data import batching, synthetic_source
from keras_homography.data.pair_spec import PairSpec
from keras_homography.evaluation import metrics
from keras_homography.layers import look_again
from keras_homography.models import cascade
from keras_homography.saving import formats


@pytest.fixture(scope="module")
def pairs():
    source = synthetic_source.SyntheticSource(120, 160)
    spec = PairSpec(patch_size=64, rho=8, image_width=160, image_height=120)
    patches, h4pt = next(iter(batching.pair_batches(source, spec, seed=1, batch_size=4)))
    return patches.numpy(), h4pt.numpy()


def units(h4pt):
    """`a_from_b` in units of half a patch, as stages take it."""
    units_from_pixels, pixels_from_units = geometry.normalization(64)
    return units_from_pixels @ geometry.matrix_from_h4pt(h4pt, 64) @ pixels_from_units


class Closer(keras.layers.Layer):
    """A fine stage that removes half of the error."""

    def __init__(self, truth):
        super().__init__()
        self.truth = truth

    def call(self, a_from_b):
        return 0.5 * (a_from_b + self.truth)


class FirstEstimate(keras.layers.Layer):
    """One first estimate for pairs as they are, another for every other view of them."""

    def __init__(self, patches, estimate, in_views):
        super().__init__()
        self.patches, self.estimate, self.in_views = patches, estimate, in_views
        self.calls = 0

    def call(self, pairs):
        self.calls += 1
        features = tf.zeros_like(pairs[:, 0, 0, :1])
        unchanged = tf.reduce_max(tf.abs(pairs - self.patches), [1, 2, 3]) < 1e-3
        a_from_b = tf.where(unchanged[:, None, None], self.estimate, self.in_views)
        return features, features, a_from_b


def estimate(pairs, distance, in_views=None, stage=None, calls=None, num_views=0, **options):
    """Estimate from a first estimate that many pixels off: `(errors, disagreement)`."""
    patches, h4pt = pairs
    far = units(h4pt + distance)
    first = FirstEstimate(patches, far, far if in_views is None else in_views)
    images, features, matrix = (keras.Input(shape) for shape in ((64, 64, 2), (1,), (3, 3)))
    start = keras.Model(images, first(images))
    stage = keras.Model([features, features, matrix], (stage or Closer(units(h4pt)))(matrix))
    layer = look_again.LookAgain(start, stage, num_views=num_views, **options)
    first.calls = 0
    estimated, disagreement, _ = layer(tf.constant(patches))
    if calls is not None:
        calls.append(first.calls)
    return metrics.corner_errors(h4pt, estimated), disagreement.numpy()


def test_far_pairs_are_tried_again(pairs):
    once, disagreement_once = estimate(pairs, 16.0, steps=(0,), max_refinements=1)
    again, disagreement_again = estimate(pairs, 16.0, steps=(0, 4), max_refinements=1)
    assert np.median(once) > 1.0
    assert np.median(again) < 0.1
    assert (disagreement_again <= disagreement_once + 1e-6).all()


def test_pairs_that_agree_are_left_alone(pairs):
    once, _ = estimate(pairs, 6.0, steps=(0,), max_refinements=1)
    tolerant, _ = estimate(pairs, 6.0, steps=(0, 4), tolerance=100.0)
    np.testing.assert_array_equal(tolerant, once)
    again, _ = estimate(pairs, 6.0, steps=(0, 4), tolerance=0.0)
    assert (again != once).any()


def test_answers_do_not_depend_on_the_batch(pairs):
    distances = np.array([1.0, 16.0, 6.0, 16.0], np.float32)[:, None, None]
    options = {"steps": (0, 4), "max_refinements": 3, "num_views": 2}
    together, _ = estimate(pairs, distances, **options)
    parts = [[array[i : i + 1] for array in (*pairs, distances)] for i in range(4)]
    alone = [estimate((a, b), distance, **options)[0] for a, b, distance in parts]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-3)


def test_refinement_follows_itself_until_it_agrees(pairs):
    once, _ = estimate(pairs, 6.0, steps=(0,), max_refinements=1)
    several, _ = estimate(pairs, 6.0, steps=(0,), max_refinements=8)
    assert np.mean(several) < 0.5 * np.mean(once)
    more, _ = estimate(pairs, 6.0, steps=(0,), max_refinements=8, tolerance=100.0)
    np.testing.assert_allclose(more, once, atol=1e-4)


def exchanged(pairs):
    """The right estimate of the first view, in which A and B are exchanged."""
    return geometry.invert(units(pairs[1]))


def test_another_view_is_tried_where_a_pair_is_lost(pairs):
    options = {
        "in_views": exchanged(pairs),
        "stage": keras.layers.Identity(),
        "steps": (0, 1),
    }
    lost, _ = estimate(pairs, 40.0, **options)
    recovered, _ = estimate(pairs, 40.0, num_views=1, **options)
    assert np.median(lost) > 1.0
    assert np.median(recovered) < 0.1


def test_views_are_tried_until_two_answers_are_the_same(pairs):
    """The pair as it is leads to the truth, and so does the first view: no other is tried."""
    calls = []
    options = {
        "stage": keras.layers.Identity(),
        "steps": (0,),
        "tolerance": 0.0,
        "num_views": 5,
        "calls": calls,
    }
    pair = [array[:1] for array in pairs]
    same, _ = estimate(pair, 2.0, in_views=exchanged(pair), **options)
    other, _ = estimate(pair, 2.0, in_views=units(pair[1] + 30.0), **options)
    assert calls == [2, 6]
    assert max(same, other) < 0.1


@pytest.fixture(scope="module")
def refined():
    keras.utils.set_random_seed(0)
    # Fewer attempts and steps than by default, each kind once: an export takes a third of the time.
    model = models.build("cascade", patch_size=64, rho=8, width=0.3)
    return cascade.refine(
        model,
        steps=(0, 2),
        max_refinements=2,
        num_views=2,
        lucas_kanade={"steps": ((2, 1), (1, 1))},
    )


def test_a_refined_cascade_keeps_the_contract(refined, pairs):
    h4pt = refined(pairs[0])
    assert refined.output_shape == (None, 4, 2)
    assert h4pt.dtype == tf.float32
    assert np.isfinite(h4pt).all()


@pytest.mark.long
def test_a_refined_cascade_is_read_back_and_exported(refined, pairs, tmp_path):
    refined.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(pairs[0]), refined(pairs[0]), atol=1e-4)
    assert loaded.count_params() == refined.count_params()
    formats.FORMATS["saved_model"].write(refined, tmp_path / "saved_model")
    serve = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    outputs = serve(pairs=tf.constant(pairs[0]))
    served, doubt = outputs["h4pt"], outputs["h4pt_error"]
    assert served.shape == (4, 4, 2)
    assert doubt.shape == (4,)
    # Where nothing can be known: no motion, and as much doubt as there is.
    flat = pairs[0].copy()
    flat[0], flat[1, ..., 0], flat[2, 5, 5] = 0.0, 99.0, np.nan
    unknown = serve(pairs=tf.constant(flat))
    np.testing.assert_array_equal(unknown["h4pt"][:3], np.zeros([3, 4, 2]))
    np.testing.assert_allclose(unknown["h4pt_error"][:3], 32.0, rtol=1e-4)
    np.testing.assert_allclose(unknown["h4pt_error"][3], doubt[3], rtol=0.01)
    # An untrained network's estimates are far off: where refinement diverges, rounding decides.
    errors = np.linalg.norm(served - refined(pairs[0]), axis=-1)
    assert np.median(errors) < 1e-2


def test_weights_are_shared_with_the_cascade(pairs):
    model = models.build("cascade", patch_size=64, rho=8, width=0.3)
    refined = models.refine(model)
    assert refined.count_params() == model.count_params()


def test_a_configuration_has_the_keys_of_files_and_is_not_changed(refined):
    layer = refined.get_layer("look_again")
    config = layer.get_config()
    assert (config["rounds"], config["enough"], config["views"]) == (2, 0.7, 2)
    before = copy.deepcopy(config)
    former = look_again.LookAgain.from_config(config)
    assert config == before
    assert (former.max_refinements, former.tolerance, former.num_views) == (2, 0.7, 2)
    assert former.steps == layer.steps == (0, 2)
