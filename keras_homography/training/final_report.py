"""Figures of a training run before and after it, its exported files, and where they are."""

import json
import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_homography.saving import signatures, verified_export
from keras_homography.training import matching_model
from keras_homography.training.checkpointing import Checkpoints
from keras_homography.training.config import TrainConfig
from keras_homography.training.inputs import TrainInputs
from keras_homography.training.validation import ValidationSet
from keras_homography.utils import environment, files
from keras_homography.visualization import image_output, learning_curve

_INITIAL_PICTURE = "validation_before.png"


def measure_initial(
    config: TrainConfig, model: keras.Model, validation_set: ValidationSet
) -> dict[str, float]:
    """Measure initial weights as the end of the run will be measured; print and draw that.

    Args:
      config: Of the run.
      model: With the initial weights, float32, not compiled.
      validation_set: To measure it on.

    Returns:
      Figures by name.
    """
    summary, picture = _measure(config, model, validation_set)
    dataset = config.validation_dataset or config.dataset
    sentence = validation_set.describe(dataset, summary, validation_set.identity())
    print(f"Before the training: {sentence}")
    with files.atomic_write(pathlib.Path(config.output_dir) / _INITIAL_PICTURE) as temporary:
        image_output.write_png(temporary, picture)
    return summary


def _measure(
    config: TrainConfig, model: keras.Model, validation_set: ValidationSet
) -> tuple[dict[str, float], np.ndarray]:
    predict = matching_model.MatchingModel(model, config.patch_size) if config.is_matcher else model
    return validation_set.measure(lambda patches: tf.nest.flatten(predict(patches, training=False)))


def write(
    config: TrainConfig,
    model: keras.Model,
    opened: TrainInputs,
    checkpoints: Checkpoints,
    initial: dict[str, float] | None,
) -> dict[str, Any]:
    """Export a model, measure it, write `metrics.json` and the learning curve, print a summary.

    Args:
      config: Of the run.
      model: With the weights of the best round, float32, not compiled.
      opened: The inputs, with what to measure it on.
      checkpoints: Of the run.
      initial: From `measure_initial`; None if the run began without weights.

    Returns:
      The contents of `metrics.json`.

    Raises:
      UserError: An exported file does not predict what the model does.
    """
    output_dir = pathlib.Path(config.output_dir)
    validation_set, skipped = opened.validation_set, opened.skipped
    assert validation_set is not None
    validation_dataset = config.validation_dataset or config.dataset
    # A matcher takes one image: the first one of each pair.
    inputs = validation_set.patches[:8, ..., : model.input_shape[-1]]
    parity = verified_export.export(model, output_dir, inputs)
    signature = signatures.of_model(model)
    summary, _ = _measure(config, model, validation_set)
    identity = validation_set.identity()
    report = {
        "schema_version": 1,
        "model": config.model,
        "dataset": config.dataset,
        "validation_dataset": validation_dataset,
        "skipped": skipped,
        **({"residuals_px": opened.residuals} if opened.residuals else {}),
        "parameters": model.count_params(),
        "validation_pairs": len(validation_set.patches),
        "validation": summary,
        **({"validation_before": initial} if initial else {}),
        "identity": identity,
        "steps": checkpoints.step,
        "best_step": checkpoints.best_step,
        "pairs": checkpoints.step * checkpoints.batch_size,
        signature.difference_key: parity,
        "environment": environment.describe(),
        "history": checkpoints.history,
    }
    files.write_text(output_dir / "metrics.json", json.dumps(report, indent=1))
    curve = learning_curve.draw(
        {config.model: checkpoints.history},
        identity[validation_set.criterion],
        f"val_{validation_set.criterion}",
        validation_set.title,
    )
    with files.atomic_write(output_dir / "learning_curve.png") as temporary:
        image_output.write_png(temporary, curve)
    sentence = validation_set.describe(validation_dataset, summary, identity)
    if initial:
        before = validation_set.describe(validation_dataset, initial, identity)
        print(f"\nBefore the training: {before}", end="")
    print(f"\n{sentence} Best round: step {checkpoints.best_step}.")
    if skipped:
        print(
            f"  {len(skipped)} files or folders of {config.dataset} could not be used: "
            "metrics.json names them."
        )
    for name, difference in parity.items():
        print(f"  {output_dir / name}  (read back: equal within {signature.format(difference, 1)})")
    pictures = [_INITIAL_PICTURE] if initial else []
    for name in (
        *pictures,
        "metrics.json",
        "learning_curve.png",
        "validation.png",
        "run.flags",
        "logs",
    ):
        print(f"  {output_dir / name}")
    return report
