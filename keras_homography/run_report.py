"""The end of a run of training: files, figures and where they are."""

import json

import numpy as np

from keras_homography import artifacts, figures, files, metrics, programs


def write(model, described, validation, checkpoints, output_dir):
    """Exports a model, measures it, writes `metrics.json` and the learning curve, and prints both.

    Args:
      model: with the weights of the best round, float32, not compiled.
      described: `{"model": ..., "dataset": ..., "validation_dataset": ...}`.
      validation: finite batches of (patches, h4pt).
      checkpoints: `callbacks.Checkpoints` of the run.
      output_dir: `pathlib.Path`, of the run.

    Raises:
      ValueError: an exported file does not give what the model does.
    """
    patches = np.concatenate([patches for patches, _ in validation])
    h4pt = np.concatenate([h4pt for _, h4pt in validation])
    parity = artifacts.export(model, output_dir, patches[:8])
    errors = metrics.corner_errors(h4pt, model.predict(patches, verbose=0))
    summary = metrics.summarize(errors)
    identity = metrics.summarize(metrics.corner_errors(h4pt, np.zeros_like(h4pt)))
    report = {
        "schema_version": 1,
        **described,
        "parameters": model.count_params(),
        "validation_pairs": len(errors),
        "validation": summary,
        "identity": identity,
        "steps": checkpoints.step,
        "best_step": checkpoints.best_step,
        "pairs": checkpoints.step * checkpoints.batch_size,
        "largest_difference_px": parity,
        "environment": programs.environment(),
        "history": checkpoints.history,
    }
    files.write_text(output_dir / "metrics.json", json.dumps(report, indent=1))
    curve = figures.learning_curves({described["model"]: checkpoints.history}, identity["mace"])
    with files.replacing(output_dir / "learning_curve.png") as beside:
        figures.write_png(beside, curve)
    print(
        f"\nCorner error on {len(errors)} validation pairs ({described['validation_dataset']}): "
        f"mean {summary['mace']:.2f} px, median {summary['median']:.2f} px; identity "
        f"{identity['mace']:.2f} px. Best round: step {checkpoints.best_step}."
    )
    for name, difference in parity.items():
        print(f"  {output_dir / name}  (read back: equal within {difference:.1g} px)")
    for name in ("metrics.json", "learning_curve.png", "validation.png", "run.flags", "logs"):
        print(f"  {output_dir / name}")
