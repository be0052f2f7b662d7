"""The Keras model that trains a matcher on pairs of patches."""

from typing import Any

import keras
import tensorflow as tf

from keras_homography.training import loss_models, matching_losses

# Weights of the losses beside that of the coarse matches.
_FINE, _FINE_ERROR, _RELIABILITY = 0.5, 0.1, 0.2


class MatchingModel(loss_models.CustomLossModel):
    """A matcher applied to both patches of a pair, trained by which of their cells match.

    Args:
      matcher: From `models.build("matcher")`.
      size: Side of the patches, in pixels.
    """

    def __init__(self, matcher: keras.Model, size: int) -> None:
        pairs = keras.Input((size, size, 2), dtype="float32", name="pairs")
        # One batch of all images: batch normalization sees A and B alike.
        images = keras.ops.concatenate([pairs[..., :1], pairs[..., 1:]], axis=0)
        # Not `super().__init__(pairs, ...)`, which takes the inputs from a model of pairs.
        super().__init__(keras.Model(pairs, images), matcher(images))
        self._size = size
        self._means = [
            keras.metrics.Mean(name=name) for name in ("matched", "fine_error", "reliable")
        ]

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The metrics of `fit`, reset with every round."""
        return [*super().metrics, *self._means]

    def batch_loss(self, pairs: tf.Tensor, labels: Any, outputs: Any) -> tf.Tensor:
        """Sum the losses of the matches, of their positions and of their reliability.

        Args:
          pairs: float32 `[n, size, size, 2]`, gray levels in 0..255.
          labels: `(b_from_a, positions, visible)` of `matching_pairs.pair_batches`.
          outputs: Of the matcher, first of all A, then of all B.

        Returns:
          A scalar.
        """
        _, positions, visible = labels
        coarse_a, coarse_b = tf.split(outputs["coarse"], 2)
        fine_a, fine_b = tf.split(outputs["fine"], 2)
        reliability = tf.reshape(tf.split(outputs["reliability"], 2)[0], tf.shape(visible))

        cells_b = matching_losses.cells_of(positions, self._size)
        logits = matching_losses.cell_logits(coarse_a, coarse_b)
        coarse_loss = matching_losses.dual_softmax(logits, cells_b, visible)
        nearest, is_right = matching_losses.find_nearest(
            logits, cells_b, visible, coarse_b.shape[2]
        )
        offsets = positions - matching_losses.centers_of(nearest, self._size)
        fine_logits = matching_losses.fine_logits(fine_a, fine_b, nearest)
        fine_loss, fine_error = matching_losses.fine_cross_entropy(fine_logits, offsets, is_right)
        right = tf.cast(is_right, tf.float32)
        reliability_loss = tf.reduce_mean(keras.losses.binary_crossentropy(right, reliability))

        matched = tf.reduce_sum(right) / tf.maximum(
            tf.reduce_sum(tf.cast(visible, tf.float32)), 1.0
        )
        reliable = tf.reduce_mean(tf.cast((reliability > 0.5) == is_right, tf.float32))
        for mean, value in zip(self._means, (matched, fine_error, reliable), strict=True):
            mean.update_state(value)
        return (
            coarse_loss
            + _FINE * fine_loss
            + _FINE_ERROR * fine_error
            + _RELIABILITY * reliability_loss
        )

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Return the loss and the means that `batch_loss` has updated."""
        return self.get_metrics_result()
