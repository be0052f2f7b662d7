"""The training loop: rounds of `Model.fit`, logs, a saved state at an orderly end."""

import pathlib
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

from keras_homography.training import callbacks, distribution_strategy
from keras_homography.training.checkpointing import Checkpoints
from keras_homography.utils.errors import UserError


def fit(
    model: keras.Model,
    batches: Callable[[int], tf.data.Dataset],
    validation: callbacks.Validation | None,
    checkpoints: Checkpoints,
    *,
    steps: int,
    steps_per_round: int,
    output_dir: str | pathlib.Path,
    profile: bool = False,
) -> None:
    """Train a compiled model from the step of its checkpoints to the last one.

    Args:
      model: From `trainable_model.compile_model`.
      batches: Function from a step to an endless dataset of batches that begins with that step's;
        of this worker's part of them.
      validation: Callback that validates; None for a worker that leaves it to another.
      checkpoints: Of the model, resumed.
      steps: Last step.
      steps_per_round: Steps between validations.
      output_dir: Folder of the run; TensorBoard's logs go to `logs/` in it.
      profile: Whether to profile steps 10 to 20, for TensorBoard.

    Raises:
      UserError: The steps are no multiple of those that the model runs in one call.
      callbacks.StopRequestedError: After SIGINT or SIGTERM; the state is saved.
      callbacks.DivergedError: The loss is not finite; the last saved state stays.
    """
    per_execution = model.steps_per_execution
    if any(number % per_execution for number in (steps, steps_per_round, checkpoints.step)):
        raise UserError(
            f"With --steps_per_execution={per_execution}, the steps ({steps}, from "
            f"{checkpoints.step}) and --steps_per_round={steps_per_round} must be multiples of it."
        )
    stop_on_signal = callbacks.StopOnSignal()
    observers = [callbacks.Throughput(checkpoints.batch_size), validation, checkpoints]
    if validation:
        logs = str(pathlib.Path(output_dir) / "logs")
        profiled = (10, 20) if profile else 0
        observers.append(
            keras.callbacks.TensorBoard(logs, write_graph=False, profile_batch=profiled)
        )
    observers += [callbacks.RaiseOnDivergence(), stop_on_signal]
    with stop_on_signal:
        try:
            for first, last, length in _segments(checkpoints.step, steps, steps_per_round):
                model.fit(
                    distribution_strategy.distribute_batches(
                        model.distribute_strategy, batches(checkpoints.step)
                    ),
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


def _segments(step: int, steps: int, steps_per_round: int) -> Iterator[tuple[int, int, int]]:
    """Split the way from a step to the last one into calls of `fit` with rounds of equal length.

    Yields:
      `(first_round, last_round, steps_per_round)`.
    """
    while step < steps:
        round_ = step // steps_per_round
        full_rounds = (steps - step) // steps_per_round
        if step % steps_per_round or not full_rounds:
            length = min(steps, (round_ + 1) * steps_per_round) - step
            yield round_, round_ + 1, length
            step += length
        else:
            yield round_, round_ + full_rounds, steps_per_round
            step += full_rounds * steps_per_round
