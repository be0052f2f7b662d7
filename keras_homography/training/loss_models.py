"""Keras models that are trained: which loss is computed of which outputs."""

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_homography import models
from keras_homography.layers import homography_fit
from keras_homography.training import distribution_strategy, losses

MakePairs = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


class TrainableModel(keras.Model):
    """The layers of a model, for any distribution strategy, trained on pairs or on images.

    Args:
      model: From `models.build`.
      outputs: Of its layers, the ones that the loss needs.
      make_pairs: From `pairs.make_pair_fn`, if the batches are images; else None.
    """

    def __init__(
        self, model: keras.Model, outputs: Any, make_pairs: MakePairs | None = None
    ) -> None:
        super().__init__(model.inputs, outputs)
        self._make_pairs = make_pairs

    def train_step(self, data: tuple[tf.Tensor, ...]) -> dict[str, tf.Tensor]:
        """Train on one batch, of pairs or of images and the numbers of their pairs."""
        if self._make_pairs is not None:
            data = self._make_pairs(*data)
        logs = super().train_step(data)
        if distribution_strategy.is_of_cluster(tf.distribute.get_strategy()):
            # Keras averages over the first axis of what the workers return.
            logs = {name: tf.reshape(value, [1]) for name, value in logs.items()}
        return logs

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        """Do nothing: `trainable_model.compile_model` has built everything.

        Keras 3.15 would take a batch of the inputs for it, and average it over the workers of a
        cluster, which raises "Attempt to convert a value (PerReplica...". There is no public
        switch.
        """


class CustomLossModel(TrainableModel):
    """A model whose loss is not one of the predicted corners alone."""

    def batch_loss(self, pairs: tf.Tensor, h4pt_true: tf.Tensor, outputs: Any) -> tf.Tensor:
        """Return the mean loss of a batch.

        Args:
          pairs: float32 `[n, size, size, 2]`, gray levels in 0..255.
          h4pt_true: float32 `[n, 4, 2]`, pixels; None of unlabeled pairs.
          outputs: Of the model.

        Returns:
          A scalar.
        """
        raise NotImplementedError

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> tf.Tensor:
        """Return the loss of a replica's part of a batch."""
        # Keras sums the gradients of the replicas.
        return self.batch_loss(x, y, y_pred) / tf.distribute.get_strategy().num_replicas_in_sync

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """Update the corner error with the first output."""
        h4pt = None if y is None else tf.nest.flatten(y_pred)[0]
        return super().compute_metrics(x, y, h4pt, sample_weight)


class StagedModel(CustomLossModel):
    """A model with stages, each trained by the loss of its corners and the likelihood of matches.

    Args:
      model: From `models.build`.
      corner_loss: From `losses.get_loss`.
      make_pairs: See `TrainableModel`.
    """

    def __init__(
        self, model: keras.Model, corner_loss: losses.Loss, make_pairs: MakePairs | None = None
    ) -> None:
        stages = _stages(model)
        super().__init__(model, [stages[-1][0], *stages], make_pairs)
        self._corner_loss = corner_loss
        self._patch_size = model.input_shape[1]

    def batch_loss(self, pairs: tf.Tensor, h4pt_true: tf.Tensor, outputs: Any) -> tf.Tensor:
        """Sum the losses of all stages."""
        total = 0.0
        for h4pt, _, matches in outputs[1:]:
            total += tf.reduce_mean(self._corner_loss(h4pt_true, h4pt))
            total += tf.reduce_mean(losses.match_likelihood(h4pt_true, matches, self._patch_size))
        return total


class ClassificationModel(CustomLossModel):
    """A model trained by the cross-entropy of its probabilities; its corners are only measured.

    Args:
      model: `homographynet_classifier`.
      rho: Offset of the last bin, in pixels.
      make_pairs: See `TrainableModel`.
    """

    def __init__(self, model: keras.Model, rho: float, make_pairs: MakePairs | None = None) -> None:
        super().__init__(model, model.outputs, make_pairs)
        self._rho = rho

    def batch_loss(self, pairs: tf.Tensor, h4pt_true: tf.Tensor, outputs: Any) -> tf.Tensor:
        """Return the mean cross-entropy."""
        return tf.reduce_mean(losses.cross_entropy(h4pt_true, outputs[1], self._rho))


class PhotometricModel(CustomLossModel):
    """A model trained by how well the patches align; corners are only measured, if known.

    Args:
      model: From `models.build`; all of its stages are trained.
      make_pairs: See `TrainableModel`.
    """

    def __init__(self, model: keras.Model, make_pairs: MakePairs | None = None) -> None:
        stages = [h4pt for h4pt, *_ in _stages(model)]
        super().__init__(model, [model.outputs[0], *stages[:-1]], make_pairs)

    def batch_loss(self, pairs: tf.Tensor, h4pt_true: tf.Tensor, outputs: Any) -> tf.Tensor:
        """Sum the photometric losses of all stages."""
        per_stage = [losses.photometric(pairs, h4pt) for h4pt in tf.nest.flatten(outputs)]
        return tf.reduce_mean(tf.add_n(per_stage))


def choose(
    model: keras.Model, loss: str, rho: float, make_pairs: MakePairs | None = None
) -> TrainableModel:
    """Return the model to train, by the loss and the kind of architecture.

    Args:
      model: From `models.build`.
      loss: One of `choices.LOSSES`.
      rho: Largest corner offset, in pixels.
      make_pairs: See `TrainableModel`.

    Raises:
      UserError: The loss is unknown, or does not fit the model.
    """
    if loss == "photometric":
        return PhotometricModel(model, make_pairs)
    if loss == "cross_entropy" and models.classifies(model):
        return ClassificationModel(model, rho, make_pairs)
    if _stages(model):
        return StagedModel(model, losses.get_loss(loss, rho), make_pairs)
    return TrainableModel(model, model.outputs[0], make_pairs)


def _stages(model: keras.Model) -> list[Any]:
    """The outputs `(h4pt, a_from_b, matches)` of every stage of a model."""
    return [
        layer.output for layer in model.layers if isinstance(layer, homography_fit.FitHomography)
    ]
