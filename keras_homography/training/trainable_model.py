"""Trains a model of pairs: devices, rounds, resume."""

import keras
import tensorflow as tf

from keras_homography import models
from keras_homography.layers import homography_fit
from keras_homography.training import distribution_strategy, losses


class TrainableModel(keras.Model):
    """The layers of a model, to be trained on any strategy, on pairs or on photos."""

    def __init__(self, model, outputs, make_pairs=None):
        super().__init__(model.inputs, outputs)
        self._make_pairs = make_pairs

    def train_step(self, data):
        if self._make_pairs is not None:
            data = self._make_pairs(*data)
        logs = super().train_step(data)
        if distribution_strategy.is_of_cluster(tf.distribute.get_strategy()):
            # Keras averages over the first axis of what the workers return.
            logs = {name: tf.reshape(value, [1]) for name, value in logs.items()}
        return logs

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Does nothing, as `compile_model` builds everything: Keras 3.13 cannot do it for the
        batches of several workers."""


class SelfSupervisingModel(TrainableModel):
    """A model whose loss is of more than its corners; `supervise` says of what."""

    def supervise(self, pairs, h4pt_true, outputs):
        """The loss of a batch, scalar."""
        raise NotImplementedError

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        # Keras adds the gradients of the replicas up.
        return self.supervise(x, y, y_pred) / tf.distribute.get_strategy().num_replicas_in_sync

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        h4pt = None if y is None else tf.nest.flatten(y_pred)[0]
        return super().compute_metrics(x, y, h4pt, sample_weight)


class StagedModel(SelfSupervisingModel):
    """A model with stages: every stage is supervised, by the loss of its corners and by where its
    matches are."""

    def __init__(self, model, loss, make_pairs=None):
        stages = _stages(model)
        super().__init__(model, [stages[-1][0], *stages], make_pairs)
        self._corner_loss = loss
        self._patch_size = model.input_shape[1]

    def supervise(self, pairs, h4pt_true, outputs):
        total = 0.0
        for h4pt, _, matches in outputs[1:]:
            total += tf.reduce_mean(self._corner_loss(h4pt_true, h4pt))
            total += tf.reduce_mean(losses.match_likelihood(h4pt_true, matches, self._patch_size))
        return total


class ClassifyingModel(SelfSupervisingModel):
    """A model with probabilities: these are supervised; its corners are what people read."""

    def __init__(self, model, rho, make_pairs=None):
        super().__init__(model, model.outputs, make_pairs)
        self._rho = rho

    def supervise(self, pairs, h4pt_true, outputs):
        return tf.reduce_mean(losses.cross_entropy(h4pt_true, outputs[1], self._rho))


class PhotometricModel(SelfSupervisingModel):
    """A model that learns from how the patches fit under its corners, those of every stage if it
    has any; labels are only measured."""

    def __init__(self, model, make_pairs=None):
        stages = [h4pt for h4pt, *_ in _stages(model)]
        super().__init__(model, [model.outputs[0], *stages[:-1]], make_pairs)

    def supervise(self, pairs, h4pt_true, outputs):
        fits = [losses.photometric(pairs, h4pt) for h4pt in tf.nest.flatten(outputs)]
        return tf.reduce_mean(tf.add_n(fits))


def _stages(model):
    """The outputs of every stage of a model, `(h4pt, a_from_b, matches)` each."""
    return [
        layer.output for layer in model.layers if isinstance(layer, homography_fit.FitHomography)
    ]


def _trainable(model, loss, rho, make_pairs):
    if loss == "photometric":
        return PhotometricModel(model, make_pairs)
    if loss == "cross_entropy" and models.classifies(model):
        return ClassifyingModel(model, rho, make_pairs)
    if _stages(model):
        return StagedModel(model, losses.get_loss(loss, rho), make_pairs)
    return TrainableModel(model, model.outputs[0], make_pairs)


def compile_model(
    model,
    optimizer,
    loss,
    rho,
    jit_compile=False,
    steps_per_execution=1,
    make_pairs=None,
    labeled=True,
):
    """Compiles a model of pairs with a loss by its name, and the corner error as metric.

    Call it in the scope of the strategy. All variables are made at once, for a checkpoint to be
    restored into. Batch normalization takes the statistics of all replicas together.

    Args:
      model: of `models.build`.
      optimizer: of `optimizers.build_optimizer`.
      loss: a name of `losses.NAMES`.
      rho: of the pairs, in pixels.
      jit_compile: whether XLA compiles the step.
      steps_per_execution: how many steps to run before Python looks at it again.
      make_pairs: of `pairs.make_pair_fn`, for a model that is trained on photos.
      labeled: whether the batches have corners; if not, there is no metric.

    Returns:
      `TrainableModel` of the same layers; of a model with stages it has all of their outputs.

    Raises:
      ValueError: the loss is unknown, or does not fit the model.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True
    trainable = _trainable(model, loss, rho, make_pairs)
    supervises_itself = isinstance(trainable, SelfSupervisingModel)
    corner_error = keras.metrics.MeanMetricWrapper(losses.corner_distance, name="corner_error")
    trainable.compile(
        optimizer,
        loss=None if supervises_itself else losses.get_loss(loss, rho),
        metrics=[corner_error] if labeled else [],
        jit_compile=jit_compile,
        steps_per_execution=steps_per_execution,
    )
    trainable.optimizer.build(trainable.trainable_variables)
    h4pt = tf.zeros([1, 4, 2])
    if not supervises_itself:
        trainable.compute_loss(None, h4pt, h4pt)
    if labeled:
        trainable.compute_metrics(None, h4pt, [h4pt] if supervises_itself else h4pt)
    trainable.reset_metrics()
    return trainable
