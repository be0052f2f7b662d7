"""Trains a model of pairs: devices, optimiser, rounds, resume."""

import contextlib
import pathlib

import keras
import tensorflow as tf

from keras_homography import callbacks, losses, matching

OPTIMIZERS = ("adam", "sgd")
SCHEDULES = ("constant", "step", "cosine")


def make_strategy(gpus, device_type="GPU"):
    """The distribution strategy for a number of GPUs.

    Args:
      gpus: 0 for the CPU, 1 for the first GPU, more for `tf.distribute.MirroredStrategy` over
        exactly that many.
      device_type: "GPU"; tests give "CPU", which can be split into logical devices.

    Returns:
      `tf.distribute.Strategy`.

    Raises:
      ValueError: `gpus` is negative or more than are visible.
    """
    devices = [device.name for device in tf.config.list_logical_devices(device_type)]
    if not 0 <= gpus <= len(devices):
        visible = f"{len(devices)}: {', '.join(devices)}" if devices else "none"
        raise ValueError(
            f"--gpus={gpus}, but TensorFlow sees {visible}. Give a number from 0 (CPU) to "
            f"{len(devices)}. For GPUs, install keras-homography[gpu] and check `nvidia-smi`."
        )
    if gpus == 0:
        return tf.distribute.OneDeviceStrategy("/device:CPU:0")
    if gpus == 1:
        return tf.distribute.OneDeviceStrategy(devices[0])
    return tf.distribute.MirroredStrategy(devices[:gpus])


def make_optimizer(
    name, schedule, learning_rate, steps, warmup_steps=0, decay_steps=30_000, clip_norm=None
):
    """An optimiser with its learning rate schedule.

    Args:
      name: "adam", or "sgd" with the paper's momentum of 0.9.
      schedule: "constant"; "step": divided by 10 every `decay_steps` (the paper's); "cosine": down
        to 0 at `steps`, after a linear rise over `warmup_steps`.
      learning_rate: the highest.
      steps: of the whole run.
      warmup_steps: of "cosine".
      decay_steps: of "step".
      clip_norm: the largest norm of a gradient, all variables together; None for no limit.

    Returns:
      `keras.optimizers.Optimizer`.

    Raises:
      ValueError: a name is unknown, or the numbers do not fit together.
    """
    if not learning_rate > 0:
        raise ValueError(f"The learning rate must be above 0; got {learning_rate}.")
    if schedule == "constant":
        rate = learning_rate
    elif schedule == "step":
        rate = keras.optimizers.schedules.ExponentialDecay(
            learning_rate, decay_steps, decay_rate=0.1, staircase=True
        )
    elif schedule == "cosine":
        if not 0 <= warmup_steps < steps:
            raise ValueError(
                f"The warm-up must be shorter than the run: {warmup_steps} of {steps} steps."
            )
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps - warmup_steps, warmup_target=learning_rate, warmup_steps=warmup_steps
        )
        if not warmup_steps:
            rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    else:
        raise ValueError(f"There is no schedule {schedule!r}; there are {', '.join(SCHEDULES)}.")
    if name == "adam":
        return keras.optimizers.Adam(rate, global_clipnorm=clip_norm)
    if name == "sgd":
        return keras.optimizers.SGD(rate, momentum=0.9, global_clipnorm=clip_norm)
    raise ValueError(f"There is no optimiser {name!r}; there are {', '.join(OPTIMIZERS)}.")


@contextlib.contextmanager
def dtype_policy(name):
    """Builds the models within under a Keras dtype policy, such as "mixed_bfloat16"."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


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


def fit(model, batches, validation, checkpoints, *, steps, steps_per_round, output_dir):
    """Trains a compiled model from where its checkpoints are up to `steps`.

    Args:
      model: compiled.
      batches: function from a step to an endless dataset of batches that begins there.
      validation: `callbacks.Validation`.
      checkpoints: `callbacks.Checkpoints` of the model, resumed.
      steps: where to end.
      steps_per_round: steps between validations.
      output_dir: of the run; TensorBoard's logs go to `logs/` in it.

    Raises:
      callbacks.StopRequestedError: on SIGINT or SIGTERM, after the state is saved.
      callbacks.DivergedError: the loss is not finite; the state before stays.
    """
    batch_size = batches(0).element_spec[1].shape[0]
    orderly_end = callbacks.OrderlyEnd()
    observers = [
        callbacks.Throughput(batch_size),
        validation,
        checkpoints,
        keras.callbacks.TensorBoard(str(pathlib.Path(output_dir) / "logs"), write_graph=False),
        orderly_end,
    ]
    with orderly_end:
        try:
            for first, last, length in _segments(checkpoints.step, steps, steps_per_round):
                model.fit(
                    batches(checkpoints.step),
                    initial_epoch=first,
                    epochs=last,
                    steps_per_epoch=length,
                    shuffle=False,
                    callbacks=observers,
                )
        except callbacks.StopRequestedError:
            checkpoints.save()
            raise


class StagedModel(keras.Model):
    """The layers of a model with stages, to be trained: every stage is supervised, by the loss of
    its corners and by where its matches are."""

    def __init__(self, model, stages, loss):
        super().__init__(model.inputs, [stages[-1][0], *stages])
        self._corner_loss = loss
        self._patch_size = model.input_shape[1]

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        total = 0.0
        for h4pt, _, matches in y_pred[1:]:
            total += tf.reduce_mean(self._corner_loss(y, h4pt))
            total += tf.reduce_mean(losses.match_likelihood(y, matches, self._patch_size))
        # Keras adds the gradients of the replicas up.
        return total / tf.distribute.get_strategy().num_replicas_in_sync

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y, y_pred[0], sample_weight)


def compile_model(model, optimizer, loss, rho, jit_compile=False):
    """Compiles a model of pairs with a loss of `losses.make`, and the corner error as metric.

    Call it in the scope of the strategy. The optimiser's variables are made at once, for a
    checkpoint to be restored into.

    Returns:
      What to train: the model, or if it has stages, one of the same layers that has all of their
      outputs.
    """
    loss = losses.make(loss, rho)
    stages = [layer.output for layer in model.layers if isinstance(layer, matching.FitHomography)]
    if stages:
        model = StagedModel(model, stages, loss)
    model.compile(
        optimizer,
        loss=None if stages else loss,
        metrics=[keras.metrics.MeanMetricWrapper(losses.corner_distance, name="corner_error")],
        jit_compile=jit_compile,
    )
    model.optimizer.build(model.trainable_variables)
    return model
