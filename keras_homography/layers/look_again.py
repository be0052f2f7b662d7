"""Refinement that goes on only where the patches do not agree yet: an early stop for easy pairs."""

import keras
import tensorflow as tf

from keras_homography import geometry
from keras_homography.layers import test_time_augmentation
from keras_homography.layers.lucas_kanade import LucasKanade

# What still moves has not arrived: of 0 to 3, this told right from wrong best, on 1,008 training
# pairs each clean, photometric and with a part hidden.
_STEPS_TO_GO = 3.0
# Pixels between two answers that are the same.
_SAME = 0.5


@keras.saving.register_keras_serializable("keras_homography")
class LookAgain(keras.layers.Layer):
    """Lucas–Kanade from a first guess; where that does not suffice, from what a stage makes of it;
    and where that does not suffice either, from what both make of other views of the pair.

    Input: pairs, float32 `[n, size, size, 2]`. Outputs: of every pair the `h4pt`, `[n, 4, 2]`,
    pixels, that agrees best, its disagreement and what its last step moved, `[n]`, as of
    `lucas_kanade.LucasKanade`.
    """

    def __init__(
        self,
        start,
        stage,
        steps=(0, 1, 9),
        rounds=5,
        enough=0.7,
        views=test_time_augmentation.COUNT,
        lucas_kanade=None,
        **options,
    ):
        """Args:
        start: `keras.Model`, `pairs -> (features_a, features_b, a_from_b)`: features as the stage
          takes them, and a first guess, `[n, 3, 3]`, in units of half a patch.
        stage: `keras.Model`, `(features_a, features_b, a_from_b) -> a_from_b`.
        steps: a look each: how often the stage runs before refinement. There is a next look if a
          pair of the batch is undecided.
        rounds: how often refinement follows itself in the last look for as long as that is so.
        enough: of the sum, in pixels, of disagreement and three times what the last step moved:
          above it, a pair is undecided.
        views: how many of `views` a pair is seen in, one after the other, until it is decided or a
          view leads to the answer that agreed best before; the stage runs as often as for the last
          look.
        lucas_kanade: options of `lucas_kanade.LucasKanade`.
        """
        super().__init__(**options)
        self.start, self.stage = start, stage
        self.steps, self.rounds, self.enough = tuple(steps), rounds, enough
        self.views = views
        self.lucas_kanade = dict(lucas_kanade or {})
        self._refine = LucasKanade(dtype="float32", **self.lucas_kanade)
        self._refine.built = True  # it has no weights

    def call(self, pairs):
        start = self.start(pairs, training=False)
        *quick, thorough = self.steps
        looks = [*((steps, 1) for steps in quick), (thorough, self.rounds)]
        return self._look_again(pairs, start, looks[1:], self._look(pairs, start, *looks[0]))

    def _look_again(self, pairs, start, looks, best):
        """Takes one look after the other for as long as a pair is undecided."""
        if not looks:
            return self._try_views(pairs, best)

        def look():
            found = self._look(pairs, start, *looks[0])
            better = self._is_undecided(best) & (found[1] < best[1])
            return self._look_again(pairs, start, looks[1:], _choose(better, found, best))

        return tf.cond(tf.reduce_any(self._is_undecided(best)), look, lambda: best)

    def _try_views(self, pairs, best):
        if not self.views:
            return best

        def try_one(number, undecided, *best):
            start = self.start(test_time_augmentation.augment(pairs, number), training=False)
            a_from_b = test_time_augmentation.undo(self._run_stage(start, self.steps[-1]), number)
            found = self._refine(pairs, _h4pt(a_from_b, pairs.shape[1]))
            distance = tf.reduce_mean(tf.norm(found[0] - best[0], axis=-1), axis=-1)
            best = _choose(undecided & (found[1] < best[1]), found, best)
            # Not `>`: what is no number is not the same.
            undecided &= self._is_undecided(best) & ~(distance <= _SAME)
            return number + 1, undecided, *best

        state = tf.constant(0), self._is_undecided(best), *best
        _, _, *best = tf.while_loop(
            lambda number, undecided, *best: (number < self.views) & tf.reduce_any(undecided),
            try_one,
            state,
        )
        return tuple(best)

    def _is_undecided(self, found):
        """Of each pair, `[n]`: what is decided stays, so that no answer depends on the batch."""
        _, disagreement, moved = found
        return disagreement + _STEPS_TO_GO * moved > self.enough

    def _run_stage(self, start, steps):
        """`a_from_b` after the stage ran some times.

        Loops make files smaller, but TFLite slower around what easy pairs need: none for once.
        """
        features_a, features_b, a_from_b = start

        def step(count, a_from_b):
            return count + 1, self.stage([features_a, features_b, a_from_b], training=False)

        state = tf.constant(0), a_from_b
        if steps > 1:
            state = tf.while_loop(lambda count, _: count < steps, step, state)
        elif steps == 1:
            state = step(*state)
        return state[1]

    def _look(self, pairs, start, steps, rounds):
        """Where the stage and refinement go from a start: `(h4pt, disagreement, moved)`."""
        h4pt = _h4pt(self._run_stage(start, steps), pairs.shape[1])
        if rounds == 1:
            return self._refine(pairs, h4pt)

        def refine(count, *found):
            refined = self._refine(pairs, found[0])
            return count + 1, *_choose(self._is_undecided(found), refined, found)

        unknown = self.enough + tf.ones_like(h4pt[:, 0, 0])
        _, *found = tf.while_loop(
            lambda count, *found: (count < rounds) & tf.reduce_any(self._is_undecided(found)),
            refine,
            (tf.constant(0), h4pt, unknown, unknown),
        )
        return tuple(found)

    def compute_output_shape(self, pairs):
        return (pairs[0], 4, 2), (pairs[0],), (pairs[0],)

    def get_config(self):
        return {
            **super().get_config(),
            "start": keras.saving.serialize_keras_object(self.start),
            "stage": keras.saving.serialize_keras_object(self.stage),
            "steps": self.steps,
            "rounds": self.rounds,
            "enough": self.enough,
            "views": self.views,
            "lucas_kanade": self.lucas_kanade,
        }

    @classmethod
    def from_config(cls, config):
        for name in ("start", "stage"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        return cls(**config)


def _choose(which, new, old):
    """Of each pair the new `(h4pt, disagreement, moved)` where `which`, `[n]`, else the old."""
    h4pt = tf.where(which[:, None, None], new[0], old[0])
    return h4pt, *(tf.where(which, *each) for each in zip(new[1:], old[1:], strict=True))


def _h4pt(a_from_b, size):
    """Pixels, at most half a patch, of a homography in units of half a patch."""
    units_from_pixels, pixels_from_units = geometry.normalization(size)
    h4pt = geometry.h4pt_from_matrix(pixels_from_units @ a_from_b @ units_from_pixels, size)
    return tf.clip_by_value(h4pt, -size / 2.0, size / 2.0)
