"""The training loop: rounds of `Model.fit`, logs, a saved state at an orderly end."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

from keras_homography.training import callbacks, distribution_strategy, interruption
from keras_homography.training.checkpointing import Checkpoints
from keras_homography.utils import errors
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
    data_service: str | None = None,
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
      data_service: Address of the service that makes the batches; None if this process does.

    Raises:
      UserError: The steps are no multiple of those that the model runs in one call; or the images
        have disappeared, or the data service has died: the message names them, and what was
        learned is saved.
      interruption.StopRequestedError: After SIGINT or SIGTERM; the state is saved.
      callbacks.DivergedError: The loss is not finite; the last saved state stays.
    """
    per_execution = model.steps_per_execution
    if any(number % per_execution for number in (steps, steps_per_round, checkpoints.step)):
        raise UserError(
            f"With --steps_per_execution={per_execution}, the steps ({steps}, from "
            f"{checkpoints.step}) and --steps_per_round={steps_per_round} must be multiples of it."
        )
    cancellation = interruption.Cancellation()
    stop_on_signal = interruption.StopOnSignal(cancellation)
    watch = interruption.DataServiceWatch(data_service, cancellation) if data_service else None
    observers = [watch, callbacks.Throughput(checkpoints.batch_size), validation, checkpoints]
    if validation:
        logs = str(pathlib.Path(output_dir) / "logs")
        profiled = (10, 20) if profile else 0
        observers.append(
            keras.callbacks.TensorBoard(logs, write_graph=False, profile_batch=profiled)
        )
    observers += [callbacks.RaiseOnDivergence(), stop_on_signal]
    with stop_on_signal, watch or contextlib.nullcontext():
        try:
            for first, last, length in _segments(checkpoints.step, steps, steps_per_round):
                step_batches = distribution_strategy.distribute_batches(
                    model.distribute_strategy, batches(checkpoints.step)
                )
                with cancellation.cancellable():
                    model.fit(
                        step_batches,
                        initial_epoch=first,
                        epochs=last,
                        steps_per_epoch=length,
                        shuffle=False,
                        verbose=1 if validation else 0,
                        callbacks=[observer for observer in observers if observer],
                    )
        except interruption.StopRequestedError:
            checkpoints.save()
            raise
        except tf.errors.OpError as error:
            if stop_on_signal.interrupted:
                raise KeyboardInterrupt from error
            reason = (watch and watch.reason) or _missing_data(error)
            if reason is None:
                raise
            # An execution of several steps may have ended between two of them.
            if per_execution == 1:
                checkpoints.save()
            raise UserError(reason) from error


def _missing_data(error: tf.errors.OpError) -> str | None:
    """Return what a user needs to know if an error says that the images cannot be read."""
    user_error = errors.of_graph(error)
    if user_error is not None:
        return str(user_error)
    if isinstance(error, tf.errors.NotFoundError | tf.errors.DataLossError):
        line = next((line for line in str(error).splitlines() if "; " in line or "/" in line), "")
        return f"The dataset cannot be read any more: {line.strip() or error.message:.500}"
    return None


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
