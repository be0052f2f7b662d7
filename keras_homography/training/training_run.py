"""A training run from its configuration to its exported files."""

import contextlib
import dataclasses
import os
import pathlib
import signal
import sys
from typing import Any

import keras
import tensorflow as tf

from keras_homography.training import (
    callbacks,
    checkpointing,
    cluster,
    distribution_strategy,
    final_report,
    inputs,
    interruption,
    run_folder,
    trainable_model,
    training_loop,
)
from keras_homography.training.config import TrainConfig
from keras_homography.utils.errors import UserError

_ATTEMPTS, _MAX_ATTEMPTS = "KERAS_HOMOGRAPHY_ATTEMPTS", 3
# What a worker that survives may raise when another one is lost.
_WORKER_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
    tf.errors.UnknownError,
)


@dataclasses.dataclass(frozen=True)
class TrainResult:
    """How a training run ended.

    Attributes:
      output_dir: Folder with everything that the run left behind.
      step: How many batches it has trained on.
      stopped_by: The signal that stopped it before its last step; else None.
      metrics: Contents of `metrics.json`; None of a run that was stopped, and of a worker that
        leaves the export to another.
    """

    output_dir: pathlib.Path
    step: int
    stopped_by: signal.Signals | None = None
    metrics: dict[str, Any] | None = None


def run(config: TrainConfig) -> TrainResult:
    """Train a network, validate it and export it; resume if its folder holds the begun run.

    Example:
      >>> from keras_homography import training
      >>> config = training.TrainConfig(dataset="synthetic", model="cascade", steps=100)
      >>> result = training.run(config)
      >>> result.metrics["validation"]["mace"]

    Args:
      config: Of the run. `output_dir` receives `model.keras`, `saved_model/`, `model.tflite`,
        `metrics.json`, `run.flags`, pictures, TensorBoard's logs and checkpoints.

    Returns:
      How the run ended; SIGINT and SIGTERM end it with its state saved.

    Raises:
      UserError: An option cannot be used, the folder holds another run, or the loss diverged.
    """
    run_folder.check_run_folder(config)
    workers = _join_cluster(config)
    if workers.is_writer:
        run_folder.check_unlocked(config)
    strategy = distribution_strategy.make_strategy(config.gpus, workers)
    distribution_strategy.check_batch_size(config.batch_size, config.gpus, strategy)
    # Before the inputs: reading a folder of images can take minutes.
    model = trainable_model.build_trainable_model(config, strategy)
    opened = inputs.open_inputs(config, workers)
    with run_folder.locked(config) if workers.is_writer else contextlib.nullcontext():
        return _train(config, workers, model, opened)


def _train(
    config: TrainConfig,
    workers: cluster.Cluster,
    model: keras.Model,
    opened: inputs.TrainInputs,
) -> TrainResult:
    """Train, validate and export, with all inputs open and the folder to itself."""
    output_dir = pathlib.Path(config.output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    if workers.is_writer:
        run_folder.prepare(config)
    validation_set = opened.validation_set
    checkpoints = checkpointing.Checkpoints(
        model,
        output_dir,
        config.batch_size,
        validation_set.criterion if validation_set else None,
        workers.is_writer,
    )
    initial = None
    if validation_set and config.initial_weights:
        exported = trainable_model.build_exported_model(config, model)
        initial = final_report.measure_initial(config, exported, validation_set)
    first_step = checkpoints.resume()
    print(f"Training {config.model} on {config.dataset}: step {first_step} to {config.steps}.")
    try:
        training_loop.fit(
            model,
            opened.batches,
            callbacks.Validation(validation_set, output_dir) if validation_set else None,
            checkpoints,
            steps=config.steps,
            steps_per_round=config.steps_per_round,
            output_dir=output_dir,
            profile=config.profile,
            data_service=config.data_service,
        )
    except interruption.StopRequestedError as stop:
        print(f"\nStopped and saved at step {checkpoints.step}. Run the same command to go on.")
        return TrainResult(output_dir, checkpoints.step, stopped_by=signal.Signals(stop.args[0]))
    except callbacks.DivergedError:
        raise UserError(
            f"The loss is not finite after step {checkpoints.step}; the state of the last round "
            f"is kept in {output_dir / 'checkpoints'}. Try a lower --learning_rate, or "
            "--mixed_precision=none, in another --output_dir."
        ) from None
    except _WORKER_LOST:
        if len(workers.workers) > 1:
            _start_again(made_progress=checkpoints.step > first_step)
        raise
    if validation_set is None:
        return TrainResult(output_dir, checkpoints.step)
    checkpoints.restore_best()
    exported = trainable_model.build_exported_model(config, model)
    metrics = final_report.write(config, exported, opened, checkpoints, initial)
    return TrainResult(output_dir, checkpoints.step, metrics=metrics)


def _join_cluster(config: TrainConfig) -> cluster.Cluster:
    """Return the cluster of this run, once all of its workers have met."""
    workers = cluster.find(config.workers, config.task)
    if len(workers.workers) > 1:
        cluster.check_network(config.allow_network)
        print(f"Worker {workers.task} of {len(workers.workers)} waits for the others.", flush=True)
        folder = pathlib.Path(config.output_dir) / "checkpoints" / "last"
        newest = tf.train.latest_checkpoint(str(folder))
        state = f"newest checkpoint in --output_dir: {newest and pathlib.Path(newest).name}"
        cluster.meet(workers, f"{run_folder.shared_by_all_workers(config)}\n{state}")
    return workers


def _start_again(made_progress: bool) -> None:
    """Replace this process by a new one with the same command line.

    TensorFlow cannot leave a cluster that has lost a worker. The new process waits for the lost
    worker, and resumes with it. Returns if that was tried three times without a step.
    """
    attempts = 0 if made_progress else int(os.environ.get(_ATTEMPTS, "0"))
    if attempts < _MAX_ATTEMPTS:
        os.environ[_ATTEMPTS] = str(attempts + 1)
        print("\nA worker was lost. Starting again from the last checkpoint.", flush=True)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
