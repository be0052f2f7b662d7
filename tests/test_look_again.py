"""The early stop: easy pairs are left alone, hard ones are looked at again."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_homography import artifacts, datasets, geometry, look_again, metrics, models, photos


@pytest.fixture(scope="module")
def pairs():
    source = photos.Synthetic(120, 160)
    sizes = {"patch_size": 64, "rho": 8, "height": 120, "width": 160}
    patches, h4pt = next(iter(datasets.pair_batches(source, seed=1, batch_size=4, **sizes)))
    return patches.numpy(), h4pt.numpy()


def closer_stage(h4pt):
    """A stage that removes half of the error every time it runs."""
    pixels = keras.Input((4, 2))
    ignored = keras.Input((1,))

    class Closer(keras.layers.Layer):
        def call(self, current):
            return current + 0.5 * (h4pt - current)

    nearer = Closer()(pixels)
    return keras.Model([ignored, ignored, pixels], [nearer, nearer])


def look(pairs, distance, **options):
    patches, h4pt = pairs
    layer = look_again.LookAgain(closer_stage(h4pt), **options)
    nothing = tf.zeros([len(patches), 1])
    found, disagreement = layer(patches, nothing, nothing, tf.constant(h4pt + distance))
    return metrics.corner_errors(h4pt, found), disagreement.numpy()


def test_far_pairs_are_looked_at_again(pairs):
    once, disagreement_once = look(pairs, 16.0, first_steps=1, more_steps=0)
    again, disagreement_again = look(pairs, 16.0, first_steps=1, more_steps=4)
    assert np.median(once) > 1.0
    assert np.median(again) < 0.1
    assert (disagreement_again <= disagreement_once + 1e-6).all()


def test_pairs_that_agree_are_left_alone(pairs):
    once, disagreement = look(pairs, 1.0, first_steps=1, more_steps=0)
    enough = float(disagreement.max()) + 0.01
    again, _ = look(pairs, 1.0, first_steps=1, more_steps=4, enough=enough)
    np.testing.assert_array_equal(again, once)


def opinion(h4pt, wrong):
    """A second opinion that knows the truth for pairs as they are (`wrong` false), or only with
    the roles of A and B exchanged; its stage takes matrices and leaves them as they are."""
    a_from_b = geometry.matrix_from_h4pt(h4pt, 64)
    pairs = keras.Input((64, 64, 2))
    matrix = keras.Input((3, 3))

    class Start(keras.layers.Layer):
        def call(self, pairs):
            answer = tf.linalg.inv(a_from_b) if wrong else a_from_b
            return tf.reduce_mean(pairs, [1, 2]), tf.reduce_mean(pairs, [1, 2]), answer

    class Stay(keras.layers.Layer):
        def call(self, matrix):
            return geometry.h4pt_from_matrix(matrix, 64), matrix

    ignored = keras.Input((2,))
    start = keras.Model(pairs, Start()(pairs))
    return start, keras.Model([ignored, ignored, matrix], Stay()(matrix))


@pytest.mark.parametrize("exchanged", [False, True])
def test_a_second_opinion_is_asked_both_ways(pairs, exchanged):
    lost, _ = look(pairs, 40.0, first_steps=1, more_steps=1)
    start, stage = opinion(pairs[1], exchanged)
    found, _ = look(
        pairs, 40.0, first_steps=1, more_steps=1, second_start=start, second_stage=stage
    )
    assert np.median(lost) > 1.0
    assert np.median(found) < 0.1


@pytest.fixture(scope="module")
def refined():
    keras.utils.set_random_seed(0)
    return models.refine(models.build("cascade", patch_size=64, rho=8, width=0.3))


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
