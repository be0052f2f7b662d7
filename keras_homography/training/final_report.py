"""The end of a training run: exported files, figures, and where they are."""

import json
import pathlib
from typing import Any

import keras
import tensorflow as tf

from keras_homography.saving import signatures, verified_export
from keras_homography.training import matching_model
from keras_homography.training.checkpointing import Checkpoints
from keras_homography.training.config import TrainConfig
from keras_homography.training.validation import ValidationSet
from keras_homography.utils import environment, files
from keras_homography.visualization import image_output, learning_curve


def write(
    config: TrainConfig,
    model: keras.Model,
    validation_set: ValidationSet,
    skipped: dict[str, str],
    checkpoints: Checkpoints,
) -> dict[str, Any]:
    """Export a model, measure it, write `metrics.json` and the learning curve, print a summary.

    Args:
      config: Of the run.
      model: With the weights of the best round, float32, not compiled.
      validation_set: To measure it on.
      skipped: `{path or name: reason}` of what could not be used of the datasets.
      checkpoints: Of the run.

    Returns:
      The contents of `metrics.json`.

    Raises:
      UserError: An exported file does not predict what the model does.
    """
    output_dir = pathlib.Path(config.output_dir)
    validation_dataset = config.validation_dataset or config.dataset
    # A matcher takes one image: the first one of each pair.
    inputs = validation_set.patches[:8, ..., : model.input_shape[-1]]
    parity = verified_export.export(model, output_dir, inputs)
    signature = signatures.of_model(model)
    predict = matching_model.MatchingModel(model, config.patch_size) if config.is_matcher else model
    summary, _ = validation_set.measure(
        lambda patches: tf.nest.flatten(predict(patches, training=False))
    )
    identity = validation_set.identity()
    report = {
        "schema_version": 1,
        "model": config.model,
        "dataset": config.dataset,
        "validation_dataset": validation_dataset,
        "skipped": skipped,
        "parameters": model.count_params(),
        "validation_pairs": len(validation_set.patches),
        "validation": summary,
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
    print(f"\n{sentence} Best round: step {checkpoints.best_step}.")
    if skipped:
        print(
            f"  {len(skipped)} files or folders of {config.dataset} could not be used: "
            "metrics.json names them."
        )
    for name, difference in parity.items():
        print(f"  {output_dir / name}  (read back: equal within {signature.format(difference, 1)})")
    for name in ("metrics.json", "learning_curve.png", "validation.png", "run.flags", "logs"):
        print(f"  {output_dir / name}")
    return report
