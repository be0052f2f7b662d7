"""Refinement whose cost adapts to the pair: easy pairs stop early, hard ones are tried again."""

import copy
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_homography import geometry
from keras_homography.layers import test_time_augmentation
from keras_homography.layers.expected_error import LAST_STEP_WEIGHT
from keras_homography.layers.lucas_kanade import LucasKanade, Refined

_SAME_ANSWER = 0.5  # pixels between two answers that count as the same
_MIN_CONTRAST = 0.5  # standard deviation of the gray levels of a patch that can be aligned
_CONFIG_KEYS = {"max_refinements": "rounds", "tolerance": "enough", "num_views": "views"}

_Initial = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


@keras.saving.register_keras_serializable("keras_homography")
class LookAgain(keras.layers.Layer):
    """Refine a first estimate by Lucas–Kanade, and try again where the patches still disagree.

    The first attempt refines the first estimate. While a pair is undecided, further attempts run
    the fine stage before refinement, then other views of the pair are tried
    (`layers.test_time_augmentation`). A pair is undecided while `disagreement + 3 * last_step`
    exceeds the tolerance. A decided pair keeps its answer, so that no answer depends on the batch.

    Input: pairs, float32 `[n, size, size, 2]`. Outputs: `h4pt` of the attempt that agrees best, its
    `disagreement` and its `last_step`, as of `lucas_kanade.Refined`. Where a patch is flat or not
    finite nothing can be known: no motion, and a disagreement of the size of the patch.

    Args:
      start: `keras.Model`, `pairs -> (features_a, features_b, a_from_b)`: features as the fine
        stage takes them, and the first estimate, `[n, 3, 3]`, in units of half a patch.
      stage: `keras.Model`, the fine stage, `(features_a, features_b, a_from_b) -> a_from_b`.
      steps: for each attempt how often the fine stage runs before refinement.
      max_refinements: repetitions of refinement in the last attempt, while a pair is undecided.
      tolerance: pixels above which a pair is undecided.
      num_views: how many views are tried, one after the other, until a pair is decided or a view
        leads to the answer that agreed best before; the fine stage runs as often as in the last
        attempt.
      lucas_kanade: options of `lucas_kanade.LucasKanade`.
      **options: of `keras.layers.Layer`.
    """

    def __init__(
        self,
        start: keras.Model,
        stage: keras.Model,
        steps: Sequence[int] = (0, 1, 9),
        max_refinements: int = 5,
        tolerance: float = 0.7,
        num_views: int = test_time_augmentation.NUM_VIEWS,
        lucas_kanade: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        # The weights of a file lie under the names of these two attributes.
        self.start, self.stage = start, stage
        self.steps, self.max_refinements = tuple(steps), max_refinements
        self.tolerance, self.num_views = tolerance, num_views
        self.lucas_kanade = dict(lucas_kanade or {})
        self._refine = LucasKanade(dtype="float32", **self.lucas_kanade)
        self._refine.built = True  # it has no weights; Keras warns of a layer that is not built

    def call(self, pairs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Estimate the homographies of pairs: see the class."""
        initial = self.start(pairs, training=False)
        first, *others = self.steps
        best = self._attempt(pairs, initial, first, is_last=not others)
        refined = self._try_again(pairs, initial, others, best)
        # Of a patch that is not finite it is NaN, which is not at least the minimum either.
        contrast = tf.reduce_min(tf.math.reduce_std(pairs, axis=[1, 2]), axis=-1)
        unknown = Refined(
            tf.zeros_like(refined.h4pt),
            tf.zeros_like(refined.disagreement) + float(pairs.shape[1]),
            tf.zeros_like(refined.last_step),
        )
        return tuple(_select(contrast >= _MIN_CONTRAST, refined, unknown))

    def _try_again(
        self, pairs: tf.Tensor, initial: _Initial, remaining: Sequence[int], best: Refined
    ) -> Refined:
        """Run the remaining attempts, then the views, while a pair of the batch is undecided.

        Nested, not one condition after the other: decided pairs pass a single one.
        """
        if not remaining:
            return self._try_views(pairs, best)
        steps, *later = remaining

        def attempt() -> Refined:
            candidate = self._attempt(pairs, initial, steps, is_last=not later)
            is_better = self._is_undecided(best) & (candidate.disagreement < best.disagreement)
            return self._try_again(pairs, initial, later, _select(is_better, candidate, best))

        return tf.cond(tf.reduce_any(self._is_undecided(best)), attempt, lambda: best)

    def _attempt(self, pairs: tf.Tensor, initial: _Initial, steps: int, is_last: bool) -> Refined:
        """Run the fine stage some times, then refine: in the last attempt until it converges."""
        h4pt = _h4pt(self._run_stage(initial, steps), pairs.shape[1])
        if is_last and self.max_refinements != 1:
            return self._refine_until_decided(pairs, h4pt)
        return self._refine(pairs, h4pt)

    def _refine_until_decided(self, pairs: tf.Tensor, h4pt: tf.Tensor) -> Refined:
        unknown = self.tolerance + tf.ones_like(h4pt[:, 0, 0])  # undecided

        def is_needed(count: tf.Tensor, best: Refined) -> tf.Tensor:
            return (count < self.max_refinements) & tf.reduce_any(self._is_undecided(best))

        def refine(count: tf.Tensor, best: Refined) -> tuple[tf.Tensor, Refined]:
            candidate = self._refine(pairs, best.h4pt)
            return count + 1, _select(self._is_undecided(best), candidate, best)

        state = tf.constant(0), Refined(h4pt, unknown, unknown)
        _, best = tf.while_loop(is_needed, refine, state)
        return best

    def _try_views(self, pairs: tf.Tensor, best: Refined) -> Refined:
        """Try other views of undecided pairs until one confirms or replaces the answer."""
        if not self.num_views:
            return best

        def is_needed(number: tf.Tensor, undecided: tf.Tensor, best: Refined) -> tf.Tensor:
            return (number < self.num_views) & tf.reduce_any(undecided)

        def try_view(
            number: tf.Tensor, undecided: tf.Tensor, best: Refined
        ) -> tuple[tf.Tensor, tf.Tensor, Refined]:
            view = self.start(test_time_augmentation.augment(pairs, number), training=False)
            a_from_b = test_time_augmentation.undo(self._run_stage(view, self.steps[-1]), number)
            candidate = self._refine(pairs, _h4pt(a_from_b, pairs.shape[1]))
            distance = tf.reduce_mean(tf.norm(candidate.h4pt - best.h4pt, axis=-1), axis=-1)
            is_better = undecided & (candidate.disagreement < best.disagreement)
            best = _select(is_better, candidate, best)
            # `~(<=)`, not `>`: NaN must count as different.
            undecided &= self._is_undecided(best) & ~(distance <= _SAME_ANSWER)
            return number + 1, undecided, best

        state = tf.constant(0), self._is_undecided(best), best
        _, _, best = tf.while_loop(is_needed, try_view, state)
        return best

    def _is_undecided(self, refined: Refined) -> tf.Tensor:
        """Test each pair for convergence: bool `[n]`, True where it has not converged."""
        return refined.disagreement + LAST_STEP_WEIGHT * refined.last_step > self.tolerance

    def _run_stage(self, initial: _Initial, steps: int) -> tf.Tensor:
        """Run the fine stage some times: `a_from_b`, `[n, 3, 3]`, in units of half a patch."""
        features_a, features_b, a_from_b = initial

        def step(count: tf.Tensor, a_from_b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return count + 1, self.stage([features_a, features_b, a_from_b], training=False)

        state = tf.constant(0), a_from_b
        # Loops make files smaller, but TFLite slower around what easy pairs need: none for once.
        if steps > 1:
            state = tf.while_loop(lambda count, _: count < steps, step, state)
        elif steps == 1:
            state = step(*state)
        return state[1]

    def compute_output_shape(
        self, pairs: tuple[int | None, ...]
    ) -> tuple[tuple[int | None, ...], ...]:
        """Return the shapes of `h4pt`, `disagreement` and `last_step`."""
        return (pairs[0], 4, 2), (pairs[0],), (pairs[0],)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor, under the keys that files have."""
        return {
            **super().get_config(),
            "start": keras.saving.serialize_keras_object(self.start),
            "stage": keras.saving.serialize_keras_object(self.stage),
            "steps": self.steps,
            **{key: getattr(self, name) for name, key in _CONFIG_KEYS.items()},
            "lucas_kanade": self.lucas_kanade,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "LookAgain":
        """Build the layer from `get_config`."""
        config = copy.deepcopy(config)  # Keras empties the configurations of inner models
        for name in ("start", "stage"):
            config[name] = keras.saving.deserialize_keras_object(config[name])
        for name, key in _CONFIG_KEYS.items():
            if key in config:
                config[name] = config.pop(key)
        return cls(**config)


def _select(which: tf.Tensor, new: Refined, old: Refined) -> Refined:
    """Select the new answers where `which`, bool `[n]`, else the old."""
    return Refined(
        tf.where(which[:, None, None], new.h4pt, old.h4pt),
        tf.where(which, new.disagreement, old.disagreement),
        tf.where(which, new.last_step, old.last_step),
    )


def _h4pt(a_from_b: tf.Tensor, size: int) -> tf.Tensor:
    """Convert homographies in units of half a patch to `h4pt` in pixels, at most half a patch."""
    units_from_pixels, pixels_from_units = geometry.normalization(size)
    h4pt = geometry.h4pt_from_matrix(pixels_from_units @ a_from_b @ units_from_pixels, size)
    return tf.clip_by_value(h4pt, -size / 2.0, size / 2.0)
