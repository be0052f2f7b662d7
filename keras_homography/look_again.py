"""Refinement that goes on only where the patches do not agree yet: an early stop for easy pairs."""

import keras
import tensorflow as tf

from keras_homography import geometry, refinement


@keras.saving.register_keras_serializable("keras_homography")
class LookAgain(keras.layers.Layer):
    """A stage and Lucas–Kanade, and both again from where the stage has come if that did not
    suffice.

    Inputs: pairs, float32 `[n, size, size, 2]`; features of A and of B; `a_from_b`, float32 `[n, 3,
    3]`, in units of half a patch, as the stage takes them. Outputs: of every pair the `h4pt`, `[n,
    4, 2]`, pixels, that agrees best, and its disagreement, `[n]`, as of `refinement.LucasKanade`.
    """

    def __init__(
        self,
        stage,
        first_steps=1,
        more_steps=8,
        enough=0.3,
        second_start=None,
        second_stage=None,
        lucas_kanade=None,
        **options,
    ):
        """Args:
        stage: `keras.Model`, `(features_a, features_b, a_from_b) -> (h4pt, a_from_b)`.
        first_steps: how often it runs for every pair, at least once.
        more_steps: how often again, if a pair of the batch disagrees by more than `enough`.
        enough: disagreement with which a pair is done, in pixels of the smallest size.
        second_start: of a second opinion, asked for what is still undecided, also with A and B
          exchanged: `keras.Model`, `pairs -> (features_a, features_b, a_from_b)` of another
          network, which fails on other pairs; None asks for none.
        second_stage: of the second opinion, as `stage`.
        lucas_kanade: options of `refinement.LucasKanade`.
        """
        super().__init__(**options)
        self.stage = stage
        self.first_steps, self.more_steps, self.enough = first_steps, more_steps, enough
        self.second_start, self.second_stage = second_start, second_stage
        self.lucas_kanade = dict(lucas_kanade or {})
        self._refine = refinement.LucasKanade(dtype="float32", **self.lucas_kanade)
        self._refine.built = True  # it has no weights

    def call(self, pairs, features_a, features_b, a_from_b):
        for _ in range(self.first_steps):
            start, a_from_b = self.stage([features_a, features_b, a_from_b], training=False)
        refined, disagreement = self._refine(pairs, start)
        if not self.more_steps:
            return refined, disagreement

        opinions = [(self.stage, lambda: (features_a, features_b, a_from_b))]
        if self.second_start is not None:
            opinions += [
                (self.second_stage, lambda: self.second_start(pairs, training=False)),
                (self.second_stage, lambda: _swapped(self.second_start, pairs)),
            ]
        return self._ask(opinions, pairs, (refined, disagreement))

    def _ask(self, opinions, pairs, best):
        """Asks one opinion after the other for as long as a pair is undecided."""
        if not opinions:
            return best
        (stage, start), *others = opinions
        return tf.cond(
            tf.reduce_max(best[1]) > self.enough,
            lambda: self._ask(others, pairs, self._further(stage, pairs, start(), best)),
            lambda: best,
        )

    def _further(self, stage, pairs, opinion, best):
        """The better of `best`, `(h4pt, disagreement)`, and where a stage goes from an opinion."""
        features_a, features_b, a_from_b = opinion

        def step(count, a_from_b, _):
            h4pt, a_from_b = stage([features_a, features_b, a_from_b], training=False)
            return count + 1, a_from_b, h4pt

        # A loop, as it makes files smaller; not around everything, as TFLite then runs the first
        # look a third more slowly.
        _, _, start = tf.while_loop(
            lambda count, *_: count < self.more_steps,
            step,
            [tf.constant(0), a_from_b, tf.zeros_like(best[0])],
        )
        h4pt, disagreement = self._refine(pairs, start)
        better = disagreement < best[1]
        return (
            tf.where(better[:, None, None], h4pt, best[0]),
            tf.where(better, disagreement, best[1]),
        )

    def compute_output_shape(self, pairs, *others):
        return (pairs[0], 4, 2), (pairs[0],)

    def get_config(self):
        return {
            **super().get_config(),
            "stage": _serialize(self.stage),
            "first_steps": self.first_steps,
            "more_steps": self.more_steps,
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


def _swapped(start, pairs):
    """A start found with the roles of A and B exchanged: it fails on other pairs."""
    features_b, features_a, b_from_a = start(tf.reverse(pairs, [-1]), training=False)
    return features_a, features_b, geometry.invert(b_from_a)


def _serialize(model):
    return None if model is None else keras.saving.serialize_keras_object(model)
