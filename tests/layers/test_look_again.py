"""The early stop: easy pairs are left alone, hard ones are looked at again."""

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
    """Removes half of the error every time it runs."""

    def __init__(self, truth):
        super().__init__()
        self.truth = truth

    def call(self, current):
        return 0.5 * (current + self.truth)


class Guess(keras.layers.Layer):
    """A first guess for pairs as they are, another for every other view of them."""

    def __init__(self, patches, guess, in_views):
        super().__init__()
        self.patches, self.guess, self.in_views = patches, guess, in_views
        self.asked = 0

    def call(self, pairs):
        self.asked += 1
        ignored = tf.zeros_like(pairs[:, 0, 0, :1])
        as_it_is = tf.reduce_max(tf.abs(pairs - self.patches), [1, 2, 3]) < 1e-3
        return ignored, ignored, tf.where(as_it_is[:, None, None], self.guess, self.in_views)


def look(pairs, distance, guess_in_views=None, stage=None, asked=None, views=0, **options):
    """What is found from a first guess that many pixels away: `(errors, disagreement)`."""
    patches, h4pt = pairs
    far = units(h4pt + distance)
    guess = Guess(patches, far, far if guess_in_views is None else guess_in_views)
    images, features, matrix = (keras.Input(shape) for shape in ((64, 64, 2), (1,), (3, 3)))
    start = keras.Model(images, guess(images))
    stage = keras.Model([features, features, matrix], (stage or Closer(units(h4pt)))(matrix))
    layer = look_again.LookAgain(start, stage, views=views, **options)
    guess.asked = 0
    found, disagreement, _ = layer(tf.constant(patches))
    if asked is not None:
        asked.append(guess.asked)
    return metrics.corner_errors(h4pt, found), disagreement.numpy()


def test_far_pairs_are_looked_at_again(pairs):
    once, disagreement_once = look(pairs, 16.0, steps=(0,), rounds=1)
    again, disagreement_again = look(pairs, 16.0, steps=(0, 4), rounds=1)
    assert np.median(once) > 1.0
    assert np.median(again) < 0.1
    assert (disagreement_again <= disagreement_once + 1e-6).all()


def test_pairs_that_agree_are_left_alone(pairs):
    once, _ = look(pairs, 6.0, steps=(0,), rounds=1)
    enough, _ = look(pairs, 6.0, steps=(0, 4), enough=100.0)
    np.testing.assert_array_equal(enough, once)
    again, _ = look(pairs, 6.0, steps=(0, 4), enough=0.0)
    assert (again != once).any()


def test_answers_do_not_depend_on_the_batch(pairs):
    distances = np.array([1.0, 16.0, 6.0, 16.0], np.float32)[:, None, None]
    options = {"steps": (0, 4), "rounds": 3, "views": 2}
    together, _ = look(pairs, distances, **options)
    parts = [[each[i : i + 1] for each in (*pairs, distances)] for i in range(4)]
    alone = [look((a, b), distance, **options)[0] for a, b, distance in parts]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-3)


def test_refinement_follows_itself_until_it_agrees(pairs):
    once, _ = look(pairs, 6.0, steps=(0,), rounds=1)
    several, _ = look(pairs, 6.0, steps=(0,), rounds=8)
    assert np.mean(several) < 0.5 * np.mean(once)
    more, _ = look(pairs, 6.0, steps=(0,), rounds=8, enough=100.0)
    np.testing.assert_allclose(more, once, atol=1e-4)


def exchanged(pairs):
    """What a network that is right says of the first view, in which A and B are exchanged."""
    return geometry.invert(units(pairs[1]))


def test_another_view_is_tried_where_a_pair_is_lost(pairs):
    options = {
        "guess_in_views": exchanged(pairs),
        "stage": keras.layers.Identity(),
        "steps": (0, 1),
    }
    lost, _ = look(pairs, 40.0, **options)
    found, _ = look(pairs, 40.0, views=1, **options)
    assert np.median(lost) > 1.0
    assert np.median(found) < 0.1


def test_views_are_tried_until_two_answers_are_the_same(pairs):
    """The pair as it is leads to the truth, and so does the first view: nothing else is asked."""
    asked = []
    options = {
        "stage": keras.layers.Identity(),
        "steps": (0,),
        "enough": 0.0,
        "views": 5,
        "asked": asked,
    }
    pair = [each[:1] for each in pairs]
    same, _ = look(pair, 2.0, guess_in_views=exchanged(pair), **options)
    other, _ = look(pair, 2.0, guess_in_views=units(pair[1] + 30.0), **options)
    assert asked == [2, 6]
    assert max(same, other) < 0.1


@pytest.fixture(scope="module")
def refined():
    keras.utils.set_random_seed(0)
    # Fewer looks than by default, each kind once: an export takes half the time.
    model = models.build("cascade", patch_size=64, rho=8, width=0.3)
    return cascade.refine(model, steps=(0, 2), rounds=2, views=2)


def test_a_refined_cascade_keeps_the_contract(refined, pairs):
    h4pt = refined(pairs[0])
    assert refined.output_shape == (None, 4, 2)
    assert h4pt.dtype == tf.float32
    assert np.isfinite(h4pt).all()


def test_a_refined_cascade_is_read_back_and_exported(refined, pairs, tmp_path):
    refined.save(tmp_path / "model.keras")
    copy = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(copy(pairs[0]), refined(pairs[0]), atol=1e-4)
    assert copy.count_params() == refined.count_params()
    formats.FORMATS["saved_model"].write(refined, tmp_path / "saved_model")
    serve = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    assert serve(pairs=tf.constant(pairs[0]))["h4pt"].shape == (4, 4, 2)


def test_weights_are_shared_with_the_cascade(pairs):
    model = models.build("cascade", patch_size=64, rho=8, width=0.3)
    refined = models.refine(model)
    assert refined.count_params() == model.count_params()
