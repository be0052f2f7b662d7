"""The end of a run of training: files, figures and where they are."""

import json

import numpy as np
import tensorflow as tf

from keras_homography.saving import verified_export
from keras_homography.utils import environment, files
from keras_homography.visualization import image_output, learning_curve


def write(model, described, pairs, checkpoints, output_dir):
    """Exports a model, measures it, writes `metrics.json` and the learning curve, and prints both.

    Args:
      model: with the weights of the best round, float32, not compiled.
      described: `{"model": ..., "dataset": ..., "validation_dataset": ..., "skipped": {path:
        reason}}`.
      pairs: of `validation`.
      checkpoints: `checkpointing.Checkpoints` of the run.
      output_dir: `pathlib.Path`, of the run.

    Raises:
      ValueError: an exported file does not give what the model does.
    """
    parity = verified_export.export(model, output_dir, pairs.patches[:8])
    h4pt = tf.nest.flatten(model.predict(pairs.patches, verbose=0))[0]
    summary, identity = pairs.summarize(h4pt), pairs.summarize(np.zeros_like(h4pt))
    report = {
        "schema_version": 1,
        **described,
        "parameters": model.count_params(),
        "validation_pairs": len(pairs.patches),
        "validation": summary,
        "identity": identity,
        "steps": checkpoints.step,
        "best_step": checkpoints.best_step,
        "pairs": checkpoints.step * checkpoints.batch_size,
        "largest_difference_px": parity,
        "environment": environment.describe(),
        "history": checkpoints.history,
    }
    files.write_text(output_dir / "metrics.json", json.dumps(report, indent=1))
    curve = learning_curve.draw(
        {described["model"]: checkpoints.history},
        identity[pairs.criterion],
        f"val_{pairs.criterion}",
        pairs.title,
    )
    with files.atomic_write(output_dir / "learning_curve.png") as beside:
        image_output.write_png(beside, curve)
    found = pairs.describe(described["validation_dataset"], summary, identity)
    print(f"\n{found} Best round: step {checkpoints.best_step}.")
    if described["skipped"]:
        print(
            f"  {len(described['skipped'])} files or folders of {described['dataset']} could not "
            "be used: metrics.json names them."
        )
    for name, difference in parity.items():
        print(f"  {output_dir / name}  (read back: equal within {difference:.1g} px)")
    for name in ("metrics.json", "learning_curve.png", "validation.png", "run.flags", "logs"):
        print(f"  {output_dir / name}")
