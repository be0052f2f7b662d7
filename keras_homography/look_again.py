"""Refinement that goes on only where the patches do not agree yet: an early stop for easy pairs."""

import keras
import tensorflow as tf

from keras_homography import refinement


@keras.saving.register_keras_serializable("keras_homography")
class LookAgain(keras.layers.Layer):
    """A stage and Lucas–Kanade, and both again from where the stage has come if that did not
    suffice.

    Inputs: pairs, float32 `[n, size, size, 2]`; features of A and of B; `a_from_b`, float32 `[n, 3,
    3]`, in units of half a patch, as the stage takes them. Outputs: of every pair the `h4pt`, `[n,
    4, 2]`, pixels, that agrees best, and its disagreement, `[n]`, as of `refinement.LucasKanade`.
    """

    def __init__(
        self, stage, first_steps=1, more_steps=12, enough=0.35, lucas_kanade=None, **options
    ):
        """Args:
        stage: `keras.Model`, `(features_a, features_b, a_from_b) -> (h4pt, a_from_b)`.
        first_steps: how often it runs for every pair, at least once.
        more_steps: how often again, if a pair of the batch disagrees by more than `enough`.
        enough: disagreement with which a pair is done, in pixels of the smallest size.
        lucas_kanade: options of `refinement.LucasKanade`.
        """
        super().__init__(**options)
        self.stage = stage
        self.first_steps, self.more_steps, self.enough = first_steps, more_steps, enough
        self.lucas_kanade = dict(lucas_kanade or {})
        self._refine = refinement.LucasKanade(dtype="float32", **self.lucas_kanade)
        self._refine.built = True  # it has no weights

    def call(self, pairs, features_a, features_b, a_from_b):
        def step(a_from_b):
            h4pt, a_from_b = self.stage([features_a, features_b, a_from_b], training=False)
            return a_from_b, h4pt

        for _ in range(self.first_steps):
            a_from_b, start = step(a_from_b)
        refined, disagreement = self._refine(pairs, start)
        if not self.more_steps:
            return refined, disagreement

        def look_again():
            # A loop here, as it makes files smaller; not around everything, as TFLite then runs
            # the first look a third more slowly.
            _, _, further = tf.while_loop(
                lambda count, *_: count < self.more_steps,
                lambda count, a_from_b, _: (count + 1, *step(a_from_b)),
                [tf.constant(0), a_from_b, start],
            )
            again, disagreement_again = self._refine(pairs, further)
            better = disagreement_again < disagreement
            return (
                tf.where(better[:, None, None], again, refined),
                tf.where(better, disagreement_again, disagreement),
            )

        undecided = tf.reduce_max(disagreement) > self.enough
        return tf.cond(undecided, look_again, lambda: (refined, disagreement))

    def compute_output_shape(self, pairs, *others):
        return (pairs[0], 4, 2), (pairs[0],)

    def get_config(self):
        return {
            **super().get_config(),
            "stage": keras.saving.serialize_keras_object(self.stage),
            "first_steps": self.first_steps,
            "more_steps": self.more_steps,
            "enough": self.enough,
            "lucas_kanade": self.lucas_kanade,
        }

    @classmethod
    def from_config(cls, config):
        stage = keras.saving.deserialize_keras_object(config.pop("stage"))
        return cls(stage, **config)
