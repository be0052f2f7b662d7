"""Trains a model of pairs: devices, rounds, resume."""

import pathlib

import keras
import tensorflow as tf

from keras_homography import callbacks, losses, matching, models
from keras_homography import cluster as cluster_module


def make_strategy(gpus, device_type="GPU", cluster=cluster_module.ALONE):
    """The distribution strategy for a number of GPUs, on one machine or several.

    Args:
      gpus: of this machine: 0 for the CPU, 1 for the first GPU, more for all of exactly that many.
      device_type: "GPU"; tests give "CPU", which can be split into logical devices.
      cluster: of `cluster.find`; its workers have met.

    Returns:
      `tf.distribute.Strategy`: for more than one GPU `MirroredStrategy`, for more than one worker
      `MultiWorkerMirroredStrategy`.

    Raises:
      ValueError: `gpus` is negative or more than are visible.
    """
    if len(cluster.workers) > 1:
        return _make_cluster_strategy(gpus, cluster)
    devices = [device.name for device in tf.config.list_logical_devices(device_type)]
    _check_gpus(gpus, devices)
    if gpus == 0:
        return tf.distribute.OneDeviceStrategy("/device:CPU:0")
    if gpus == 1:
        return tf.distribute.OneDeviceStrategy(devices[0])
    return tf.distribute.MirroredStrategy(devices[:gpus])


def _check_gpus(gpus, devices):
    if not 0 <= gpus <= len(devices):
        visible = f"{len(devices)}: {', '.join(devices)}" if devices else "none"
        raise ValueError(
            f"--gpus={gpus}, but TensorFlow sees {visible}. Give a number from 0 (CPU) to "
            f"{len(devices)}. For GPUs, install keras-homography[gpu] and check `nvidia-smi`."
        )


def _make_cluster_strategy(gpus, cluster):
    # It takes all devices that it sees, and must be made before any of them is used.
    devices = tf.config.list_physical_devices("GPU")
    _check_gpus(gpus, [device.name for device in devices])
    tf.config.set_visible_devices(devices[:gpus], "GPU")
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": list(cluster.workers)}),
        task_type="worker",
        task_id=cluster.task,
        rpc_layer="grpc",
    )
    return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)


def _segments(step, steps, steps_per_round):
    """How to reach `steps` from `step` with calls of `fit`, each of rounds of equal length.

    Yields:
      `(first_round, last_round, steps_per_round)`.
    """
    while step < steps:
        round_ = step // steps_per_round
        whole = (steps - step) // steps_per_round
        if step % steps_per_round or not whole:
            length = min(steps, (round_ + 1) * steps_per_round) - step
            yield round_, round_ + 1, length
            step += length
        else:
            yield round_, round_ + whole, steps_per_round
            step += whole * steps_per_round


def fit(
    model, batches, validation, checkpoints, *, steps, steps_per_round, output_dir, profile=False
):
    """Trains a compiled model from where its checkpoints are up to `steps`.

    Args:
      model: of `compile_model`.
      batches: function from a step to an endless dataset of batches that begins there; of this
        worker's part of them.
      validation: `callbacks.Validation`; None for a worker that leaves it to another.
      checkpoints: `callbacks.Checkpoints` of the model, resumed.
      steps: where to end.
      steps_per_round: steps between validations.
      output_dir: of the run; TensorBoard's logs go to `logs/` in it.
      profile: record where the time of steps 10 to 20 goes, for TensorBoard.

    Raises:
      ValueError: the steps are no multiple of what the model does in one execution.
      callbacks.StopRequestedError: on SIGINT or SIGTERM, after the state is saved.
      callbacks.DivergedError: the loss is not finite; the state before stays.
    """
    together = model.steps_per_execution
    if any(number % together for number in (steps, steps_per_round, checkpoints.step)):
        raise ValueError(
            f"With {together} steps in one execution, the steps ({steps}, from "
            f"{checkpoints.step}) and the steps of a round ({steps_per_round}) must be multiples "
            "of it."
        )
    orderly_end = callbacks.OrderlyEnd()
    observers = [callbacks.Throughput(checkpoints.batch_size), validation, checkpoints]
    if validation:
        observers.append(
            keras.callbacks.TensorBoard(
                str(pathlib.Path(output_dir) / "logs"),
                write_graph=False,
                profile_batch=(10, 20) if profile else 0,
            )
        )
    observers.append(orderly_end)
    with orderly_end:
        try:
            for first, last, length in _segments(checkpoints.step, steps, steps_per_round):
                model.fit(
                    _distributed(model.distribute_strategy, batches(checkpoints.step)),
                    initial_epoch=first,
                    epochs=last,
                    steps_per_epoch=length,
                    shuffle=False,
                    verbose=1 if validation else 0,
                    callbacks=[observer for observer in observers if observer],
                )
        except callbacks.StopRequestedError:
            checkpoints.save()
            raise


def _is_of_cluster(strategy):
    return isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)


def _distributed(strategy, batches):
    """This worker's batches as a strategy takes them: one machine's it splits by itself."""
    if not _is_of_cluster(strategy):
        return batches
    devices = len(strategy.extended.worker_devices)
    part = tf.nest.flatten(batches.element_spec)[0].shape[0] // devices
    return strategy.distribute_datasets_from_function(
        lambda _: batches.rebatch(part) if devices > 1 else batches
    )


class TrainableModel(keras.Model):
    """The layers of a model, to be trained on any strategy, on pairs or on photos."""

    def __init__(self, model, outputs, make_pairs=None):
        super().__init__(model.inputs, outputs)
        self._make_pairs = make_pairs

    def train_step(self, data):
        if self._make_pairs is not None:
            data = self._make_pairs(*data)
        logs = super().train_step(data)
        if _is_of_cluster(tf.distribute.get_strategy()):
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
    return [layer.output for layer in model.layers if isinstance(layer, matching.FitHomography)]


def _trainable(model, loss, rho, make_pairs):
    if loss == "photometric":
        return PhotometricModel(model, make_pairs)
    if loss == "cross_entropy" and models.classifies(model):
        return ClassifyingModel(model, rho, make_pairs)
    if _stages(model):
        return StagedModel(model, losses.make(loss, rho), make_pairs)
    return TrainableModel(model, model.outputs[0], make_pairs)


def compile_model(
    model,
    optimizer,
    loss,
    rho,
    jit_compile=False,
    steps_per_execution=1,
    make_pairs=None,
    labelled=True,
):
    """Compiles a model of pairs with a loss by its name, and the corner error as metric.

    Call it in the scope of the strategy. All variables are made at once, for a checkpoint to be
    restored into. Batch normalisation takes the statistics of all replicas together.

    Args:
      model: of `models.build`.
      optimizer: of `optimizers.make`.
      loss: a name of `losses.NAMES`.
      rho: of the pairs, in pixels.
      jit_compile: whether XLA compiles the step.
      steps_per_execution: how many steps to run before Python looks at it again.
      make_pairs: of `pairs.maker`, for a model that is trained on photos.
      labelled: whether the batches have corners; if not, there is no metric.

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
        loss=None if supervises_itself else losses.make(loss, rho),
        metrics=[corner_error] if labelled else [],
        jit_compile=jit_compile,
        steps_per_execution=steps_per_execution,
    )
    trainable.optimizer.build(trainable.trainable_variables)
    h4pt = tf.zeros([1, 4, 2])
    if not supervises_itself:
        trainable.compute_loss(None, h4pt, h4pt)
    if labelled:
        trainable.compute_metrics(None, h4pt, [h4pt] if supervises_itself else h4pt)
    trainable.reset_metrics()
    return trainable
