"""The model that is trained: built, compiled, and rebuilt in float32 for export."""

import keras
import tensorflow as tf

from keras_homography import models
from keras_homography.data import pairs
from keras_homography.saving import loading, pretrained
from keras_homography.training import (
    loss_models,
    losses,
    matching_model,
    mixed_precision,
    optimizers,
)
from keras_homography.training.config import TrainConfig


def build_trainable_model(
    config: TrainConfig, strategy: tf.distribute.Strategy
) -> loss_models.TrainableModel:
    """Build and compile the model of a run, and seed the random numbers of this process.

    Args:
      config: Of the run.
      strategy: From `distribution_strategy.make_strategy`.

    Returns:
      The compiled model, under the strategy, in the precision of the configuration.

    Raises:
      UserError: An option does not fit the architecture, or the initial weights do not fit.
    """
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    policy = mixed_precision.find_policy(config.mixed_precision, config.gpus)
    with strategy.scope(), mixed_precision.dtype_policy(policy):
        model = _build_architecture(config)
        if config.initial_weights:
            path = pretrained.resolve_model(config.initial_weights)
            models.copy_weights(model, loading.load_model(path, config.trust_model))
        on_device = config.make_pairs_on == "device"
        return compile_model(
            model,
            optimizers.build_optimizer(
                config.optimizer,
                learning_rate=config.learning_rate,
                schedule=config.schedule,
                steps=config.steps,
                warmup_steps=config.warmup_steps,
                decay_steps=config.decay_steps,
                clip_norm=config.clip_norm,
            ),
            loss=config.loss,
            rho=config.rho,
            jit_compile=config.jit_compile,
            steps_per_execution=config.steps_per_execution,
            make_pairs=pairs.make_pair_fn(config.seed, config.spec) if on_device else None,
            labeled=not (config.is_unlabeled or config.is_matcher),
            patch_size=config.patch_size,
        )


def build_exported_model(config: TrainConfig, trained: keras.Model) -> keras.Model:
    """Rebuild a trained model in float32, refined if the configuration says so.

    Models of mixed precision do not convert to built-in TFLite operators.

    Args:
      config: Of the run.
      trained: From `build_trainable_model`.

    Returns:
      A functional model with the same weights, not compiled.
    """
    exported = _build_architecture(config)
    if config.is_matcher:
        trained = trained.get_layer(exported.name)
    for layer in exported.layers:
        if layer.weights:
            layer.set_weights(trained.get_layer(layer.name).get_weights())
    return models.refine(exported) if config.refine else exported


def compile_model(
    model: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    *,
    loss: str,
    rho: float,
    jit_compile: bool = False,
    steps_per_execution: int = 1,
    make_pairs: loss_models.MakePairs | None = None,
    labeled: bool = True,
    patch_size: int = 128,
) -> loss_models.TrainableModel:
    """Compile a model with a loss by its name, and the corner error as metric.

    Call it in the scope of the strategy. All variables are created at once, so that a checkpoint
    can be restored into them. Batch normalization is synchronized over all replicas.

    Args:
      model: From `models.build`.
      optimizer: From `optimizers.build_optimizer`.
      loss: One of `choices.LOSSES`.
      rho: Largest corner offset, in pixels.
      jit_compile: Whether XLA compiles the step.
      steps_per_execution: Steps that a device runs in one call from Python.
      make_pairs: From `pairs.make_pair_fn`, to train on batches of images; else None.
      labeled: Whether the batches have corners; if not, there is no metric.
      patch_size: Side of the patches that a matcher is trained on, in pixels.

    Returns:
      A model of the same layers; of an architecture with stages it has all of their outputs.

    Raises:
      UserError: The loss is unknown, or does not fit the model.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        for layer in model.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.synchronized = True
    if loss == "matching":
        trainable: loss_models.TrainableModel = matching_model.MatchingModel(model, patch_size)
    else:
        trainable = loss_models.choose(model, loss, rho, make_pairs)
    computes_loss = isinstance(trainable, loss_models.CustomLossModel)
    corner_error = keras.metrics.MeanMetricWrapper(losses.corner_distance, name="corner_error")
    trainable.compile(
        optimizer,
        loss=None if computes_loss else losses.get_loss(loss, rho),
        metrics=[corner_error] if labeled else None,
        jit_compile=jit_compile,
        steps_per_execution=steps_per_execution,
    )
    trainable.optimizer.build(trainable.trainable_variables)
    h4pt = tf.zeros([1, 4, 2])
    if not computes_loss:
        trainable.compute_loss(None, h4pt, h4pt)
    if labeled:
        trainable.compute_metrics(None, h4pt, [h4pt] if computes_loss else h4pt)
    trainable.reset_metrics()
    return trainable


def _build_architecture(config: TrainConfig) -> keras.Model:
    """The architecture with its options, in Keras's present dtype policy."""
    if config.is_matcher:
        return models.build(config.model, width=config.width)
    options: dict[str, float] = {} if config.dropout is None else {"dropout": config.dropout}
    if config.reduction > 1:
        options["reduction"] = config.reduction
    return models.build(
        config.model,
        patch_size=config.patch_size,
        rho=config.rho,
        width=config.width,
        **options,
    )
