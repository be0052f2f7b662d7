"""The training loop: rounds of `fit`, logs, an orderly end."""

import pathlib

import keras

from keras_homography.training import callbacks, distribution_strategy
from keras_homography.utils.errors import UserError


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
      checkpoints: `checkpointing.Checkpoints` of the model, resumed.
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
        raise UserError(
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
