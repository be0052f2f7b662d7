"""The early stop: easy pairs are left alone, hard ones are looked at again."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_homography import artifacts, datasets, geometry, look_again, metrics, models, photos
from keras_homography.models import cascade


@pytest.fixture(scope="module")
def pairs():
    source = photos.Synthetic(120, 160)
    sizes = {"patch_size": 64, "rho": 8, "height": 120, "width": 160}
    patches, h4pt = next(iter(datasets.pair_batches(source, seed=1, batch_size=4, **sizes)))
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
    """A first guess that does not look."""

    def __init__(self, guess):
        super().__init__()
        self.guess = guess

    def call(self, pairs):
        ignored = tf.reduce_mean(pairs, [1, 2, 3])[:, None]
        return ignored, ignored, self.guess


def stage(truth):
    ignored, matrix = keras.Input((1,)), keras.Input((3, 3))
    return keras.Model([ignored, ignored, matrix], Closer(truth)(matrix))


def look(pairs, distance, **options):
    patches, h4pt = pairs
    layer = look_again.LookAgain(stage(units(h4pt)), **options)
    ignored = tf.zeros([len(patches), 1])
    found, disagreement, _ = layer(patches, ignored, ignored, units(h4pt + distance))
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
    together, _ = look(pairs, distances, steps=(0, 4), rounds=3)
    parts = [[each[i : i + 1] for each in (*pairs, distances)] for i in range(4)]
    alone = [look((a, b), distance, steps=(0, 4), rounds=3)[0] for a, b, distance in parts]
    np.testing.assert_allclose(together, np.concatenate(alone), atol=1e-3)


def test_refinement_follows_itself_until_it_agrees(pairs):
    once, _ = look(pairs, 6.0, steps=(0,), rounds=1)
    several, _ = look(pairs, 6.0, steps=(0,), rounds=8)
    assert np.mean(several) < 0.5 * np.mean(once)
    more, _ = look(pairs, 6.0, steps=(0,), rounds=8, enough=100.0)
    np.testing.assert_allclose(more, once, atol=1e-4)


@pytest.mark.parametrize("exchanged", [False, True])
def test_a_second_opinion_is_asked_both_ways(pairs, exchanged):
    """It knows the truth for pairs as they are, or only with the roles of A and B exchanged."""
    lost, _ = look(pairs, 40.0, steps=(0, 1))
    truth = units(pairs[1])
    images = keras.Input((64, 64, 2))
    guess = Guess(geometry.invert(truth) if exchanged else truth)(images)
    options = {"second_start": keras.Model(images, guess), "second_stage": stage(truth)}
    found, _ = look(pairs, 40.0, steps=(0, 1), **options)
    assert np.median(lost) > 1.0
    assert np.median(found) < 0.1


@pytest.fixture(scope="module")
def refined():
    keras.utils.set_random_seed(0)
    # Fewer looks than by default, each kind once: an export takes half the time.
    model = models.build("cascade", patch_size=64, rho=8, width=0.3)
    return cascade.refine(model, steps=(0, 2), rounds=2)


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
    artifacts.write_saved_model(refined, tmp_path / "saved_model")
    serve = tf.saved_model.load(str(tmp_path / "saved_model")).signatures["serving_default"]
    assert serve(pairs=tf.constant(pairs[0]))["h4pt"].shape == (4, 4, 2)


def test_weights_are_shared_with_the_cascade(pairs):
    model = models.build("cascade", patch_size=64, rho=8, width=0.3)
    refined = models.refine(model)
    assert refined.count_params() == model.count_params()
