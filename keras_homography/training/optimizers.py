"""Optimizers and learning rate schedules by name."""

import keras

from keras_homography.training import choices
from keras_homography.utils.errors import UserError


def build_optimizer(
    name: str,
    *,
    learning_rate: float,
    schedule: str = "constant",
    steps: int = 1,
    warmup_steps: int = 0,
    decay_steps: int = 30_000,
    clip_norm: float | None = None,
) -> keras.optimizers.Optimizer:
    """Build an optimizer with its learning rate schedule.

    Args:
      name: "adam", or "sgd" with the paper's momentum of 0.9.
      learning_rate: The highest.
      schedule: "constant"; "step": divided by 10 every `decay_steps` (the paper's); "cosine": down
        to 0 at `steps`, after a linear warm-up over `warmup_steps`.
      steps: Of the whole run, for "cosine".
      warmup_steps: For "cosine".
      decay_steps: For "step".
      clip_norm: Largest global gradient norm; None for no limit.

    Returns:
      The optimizer, not built.

    Raises:
      UserError: A name is unknown, or the numbers contradict each other.
    """
    rate = _build_schedule(schedule, learning_rate, steps, warmup_steps, decay_steps)
    if name == "adam":
        return keras.optimizers.Adam(rate, global_clipnorm=clip_norm)
    if name == "sgd":
        return keras.optimizers.SGD(rate, momentum=0.9, global_clipnorm=clip_norm)
    raise UserError(f"There is no optimizer {name!r}; there are {', '.join(choices.OPTIMIZERS)}.")


def _build_schedule(
    schedule: str, learning_rate: float, steps: int, warmup_steps: int, decay_steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    if not learning_rate > 0:
        raise UserError(f"The learning rate must be above 0; got {learning_rate}.")
    if schedule == "constant":
        return learning_rate
    if schedule == "step":
        return keras.optimizers.schedules.ExponentialDecay(
            learning_rate, decay_steps, decay_rate=0.1, staircase=True
        )
    if schedule != "cosine":
        raise UserError(
            f"There is no schedule {schedule!r}; there are {', '.join(choices.SCHEDULES)}."
        )
    if not 0 <= warmup_steps < steps:
        raise UserError(
            f"The warm-up must be shorter than the run: {warmup_steps} of {steps} steps."
        )
    if not warmup_steps:
        return keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    return keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup_steps, warmup_target=learning_rate, warmup_steps=warmup_steps
    )
