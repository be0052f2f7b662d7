"""Refinement that goes on only where the patches do not agree yet: an early stop for easy pairs."""

import keras
import tensorflow as tf

from keras_homography import geometry, refinement

# What still moves has not arrived: of 0 to 3, this told right from wrong best, on 1,008 training
# pairs each clean, photometric and with a part hidden.
_STEPS_TO_GO = 3.0


@keras.saving.register_keras_serializable("keras_homography")
class LookAgain(keras.layers.Layer):
    """Lucas–Kanade from a first guess; where that does not suffice, from what a stage makes of it.

    Inputs: pairs, float32 `[n, size, size, 2]`; features of A and of B, as the stage takes them;
    the first guess `a_from_b`, float32 `[n, 3, 3]`, in units of half a patch. Outputs: of every
    pair the `h4pt`, `[n, 4, 2]`, pixels, that agrees best, its disagreement and what its last step
    moved, `[n]`, as of `refinement.LucasKanade`.
    """

    def __init__(
        self,
        stage,
        steps=(0, 1, 9),
        rounds=5,
        enough=0.7,
        second_start=None,
        second_stage=None,
        lucas_kanade=None,
        **options,
    ):
        """Args:
        stage: `keras.Model`, `(features_a, features_b, a_from_b) -> a_from_b`.
        steps: a look each: how often the stage runs before refinement. There is a next look if a
          pair of the batch is undecided.
        rounds: how often refinement follows itself in the last look, and in second opinions, for as
          long as that is so.
        enough: of the sum, in pixels, of disagreement and three times what the last step moved:
          above it, a pair is undecided.
        second_start: of a second opinion, asked for what is still undecided, also with A and B
          exchanged: `keras.Model`, `pairs -> (features_a, features_b, a_from_b)` of another
          network, which fails on other pairs; None asks for none.
        second_stage: of the second opinion, as `stage`; it runs as often as for the last look.
        lucas_kanade: options of `refinement.LucasKanade`.
        """
        super().__init__(**options)
        self.stage = stage
        self.steps, self.rounds, self.enough = tuple(steps), rounds, enough
        self.second_start, self.second_stage = second_start, second_stage
        self.lucas_kanade = dict(lucas_kanade or {})
        self._refine = refinement.LucasKanade(dtype="float32", **self.lucas_kanade)
        self._refine.built = True  # it has no weights

    def call(self, pairs, features_a, features_b, a_from_b):
        def first():
            return features_a, features_b, a_from_b

        *quick, thorough = self.steps
        looks = [(self.stage, first, steps, 1) for steps in quick]
        looks.append((self.stage, first, thorough, self.rounds))
        if self.second_start is not None:
            for start in (
                lambda: self.second_start(pairs, training=False),
                lambda: _swapped(self.second_start, pairs),
            ):
                looks.append((self.second_stage, start, thorough, self.rounds))
        return self._look_again(looks[1:], pairs, self._look(pairs, *looks[0]))

    def _look_again(self, looks, pairs, best):
        """Takes one look after the other for as long as a pair is undecided."""
        if not looks:
            return best

        def look():
            found = self._look(pairs, *looks[0])
            better = self._is_undecided(best) & (found[1] < best[1])
            return self._look_again(looks[1:], pairs, _choose(better, found, best))

        return tf.cond(tf.reduce_any(self._is_undecided(best)), look, lambda: best)

    def _is_undecided(self, found):
        """Of each pair, `[n]`: what is decided stays, so that no answer depends on the batch."""
        _, disagreement, moved = found
        return disagreement + _STEPS_TO_GO * moved > self.enough

    def _look(self, pairs, stage, start, steps, rounds):
        """Where a stage and refinement go from a start: `(h4pt, disagreement, moved)`.

        Loops make files smaller, but TFLite slower around what easy pairs need: none for once.
        """
        features_a, features_b, a_from_b = start()

        def step(count, a_from_b):
            return count + 1, stage([features_a, features_b, a_from_b], training=False)

        state = tf.constant(0), a_from_b
        if steps > 1:
            state = tf.while_loop(lambda count, _: count < steps, step, state)
        elif steps == 1:
            state = step(*state)
        h4pt = _h4pt(state[1], pairs.shape[1])

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

    def compute_output_shape(self, pairs, *others):
        return (pairs[0], 4, 2), (pairs[0],), (pairs[0],)

    def get_config(self):
        return {
            **super().get_config(),
            "stage": _serialize(self.stage),
            "steps": self.steps,
            "rounds": self.rounds,
            "enough": self.enough,
            "second_start": _serialize(self.second_start),
            "second_stage": _serialize(self.second_stage),
            "lucas_kanade": self.lucas_kanade,
        }

    @classmethod
    def from_config(cls, config):
        for name in ("stage", "second_start", "second_stage"):
            if config.get(name) is not None:
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


def _swapped(start, pairs):
    """A start found with the roles of A and B exchanged: it fails on other pairs."""
    features_b, features_a, b_from_a = start(tf.reverse(pairs, [-1]), training=False)
    return features_a, features_b, geometry.invert(b_from_a)


def _serialize(model):
    return None if model is None else keras.saving.serialize_keras_object(model)
