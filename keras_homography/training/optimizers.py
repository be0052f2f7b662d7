"""Optimizers and schedules of the learning rate, by name."""

import keras

from keras_homography.utils.errors import UserError

OPTIMIZERS = ("adam", "sgd")
SCHEDULES = ("constant", "step", "cosine")


def build_optimizer(
    name, schedule, learning_rate, steps, warmup_steps=0, decay_steps=30_000, clip_norm=None
):
    """An optimizer with its learning rate schedule.

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
        raise UserError(f"The learning rate must be above 0; got {learning_rate}.")
    if schedule == "constant":
        rate = learning_rate
    elif schedule == "step":
        rate = keras.optimizers.schedules.ExponentialDecay(
            learning_rate, decay_steps, decay_rate=0.1, staircase=True
        )
    elif schedule == "cosine":
        if not 0 <= warmup_steps < steps:
            raise UserError(
                f"The warm-up must be shorter than the run: {warmup_steps} of {steps} steps."
            )
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps - warmup_steps, warmup_target=learning_rate, warmup_steps=warmup_steps
        )
        if not warmup_steps:
            rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    else:
        raise UserError(f"There is no schedule {schedule!r}; there are {', '.join(SCHEDULES)}.")
    if name == "adam":
        return keras.optimizers.Adam(rate, global_clipnorm=clip_norm)
    if name == "sgd":
        return keras.optimizers.SGD(rate, momentum=0.9, global_clipnorm=clip_norm)
    raise UserError(f"There is no optimizer {name!r}; there are {', '.join(OPTIMIZERS)}.")
