"""Measures estimators on the same pairs: networks, and OpenCV's as baselines.

    python -m keras_homography.evaluate --dataset=synthetic --pairs=200
    python -m keras_homography.evaluate --model=all,runs/coco/model.keras --distortion=all \\
        --dataset=path/to/photos --pairs=1000

Leaves in `--output_dir`: `metrics.json`, `metrics.md`, `report.html` (needs no other file), the
plots `error_distribution.png`, `error_by_displacement.png`, `error_by_strength.png` and
`error_by_confidence.png`, a sheet of the best, median and worst pairs for every distortion,
`sheet_DISTORTION.jpg`, and `run.flags`.
"""

import dataclasses
import pathlib
import sys

from absl import flags

from keras_homography.utils import command_line, files
from keras_homography.utils.errors import UserError

FLAGS = flags.FLAGS


flags.DEFINE_list(
    "model",
    ["all"],
    "Estimators, separated by commas: paths of .keras and .tflite files, names of shipped models, "
    "estimator (HomographyEstimator), and OpenCV's identity, orb_ransac, orb_magsac, "
    "akaze_ransac, akaze_magsac, sift_ransac, sift_magsac, ecc, ecc_pyramid; 'all' is all of "
    "OpenCV's that are installed.",
)
flags.DEFINE_string(
    "dataset", "coco/2017", "TFDS name, folder of photos (searched recursively), or 'synthetic'."
)
flags.DEFINE_string("data_dir", None, "Where TFDS keeps its datasets. Default: TFDS's own.")
flags.DEFINE_string("protocol", "coco128", "coco128 or paper256.")
flags.DEFINE_bool(
    "paper_doubling",
    False,
    "Where a network sees smaller patches than the protocol's: multiply its offsets, as the paper "
    "does, instead of rescaling its matrix with half-pixel centers.",
)
flags.DEFINE_list(
    "distortion",
    ["none"],
    "Of the patches, separated by commas: none, photometric, occlusion, noise, blur, low_light, "
    "mixed; 'all' is each of these but mixed, by itself.",
)
flags.DEFINE_list("strengths", ["1"], "Of each distortion, above 0 to 2; 1 is the default level.")
flags.DEFINE_integer("pairs", 5000, "How many; the paper tests on 5,000.")
flags.DEFINE_integer("seed", None, "Of photos and pairs. Default: the protocol's frozen sequence.")
flags.DEFINE_integer(
    "threads",
    None,
    "That each estimator may use, to compare times. Default: each library's own; TFLite's is 1.",
    lower_bound=1,
)
flags.DEFINE_bool(
    "trust_model", False, "Open a model's file whatever it holds and wherever it comes from."
)
flags.DEFINE_string("output_dir", "runs/evaluation", "Where everything is written.")
_OURS = ("metrics.json", "metrics.md", "report.html", "run.flags", "error_*.png", "sheet_*.jpg")


def _strengths():
    try:
        return [float(strength) for strength in FLAGS.strengths]
    except ValueError:
        raise UserError(
            f"--strengths must be numbers, separated by commas; got {','.join(FLAGS.strengths)}."
        ) from None


def _check_output_dir(output_dir):
    """Raises `ValueError` if the folder cannot be written, or holds files of others: it is
    replaced as a whole."""
    files.check_writable(output_dir)
    if output_dir.exists():
        foreign = [
            path.name
            for path in sorted(output_dir.iterdir())
            if not any(path.match(pattern) for pattern in _OURS)
        ]
        if foreign:
            raise UserError(
                f"{output_dir} holds files of something else, such as {foreign[0]}. Give another "
                "--output_dir."
            )


def main():
    output_dir = pathlib.Path(FLAGS.output_dir).absolute()
    _check_output_dir(output_dir)
    if FLAGS.pairs < 1:
        raise UserError(f"--pairs must be at least 1; got {FLAGS.pairs}.")

    from keras_homography.evaluation import measurement, predictors, protocols, report
    from keras_homography.utils import environment

    environment.limit_threads(FLAGS.threads)
    protocol = protocols.get(FLAGS.protocol)
    conditions = protocols.conditions(FLAGS.distortion, _strengths())
    opened = predictors.open_all(
        FLAGS.model, protocol, FLAGS.paper_doubling, FLAGS.threads, FLAGS.trust_model
    )
    seed = protocols.SEED if FLAGS.seed is None else FLAGS.seed
    source = protocols.open_source(protocol, FLAGS.dataset, FLAGS.data_dir)
    results = measurement.measure(opened, protocol, source, conditions, FLAGS.pairs, seed)
    measured = {
        "schema_version": 1,
        "dataset": FLAGS.dataset,
        "photos": len(source.files) if hasattr(source, "files") else None,
        "photos_skipped": len(source.skipped) if hasattr(source, "skipped") else None,
        "protocol": dataclasses.asdict(protocol),
        "paper_doubling": FLAGS.paper_doubling,
        "pairs": FLAGS.pairs,
        "seed": seed,
        "threads": environment.thread_counts(FLAGS.threads),
        "environment": environment.describe(),
        "flags": command_line.resolved_flags(sys.modules[__name__]),
        "rows": [measurement.row(result, protocol) for result in results],
    }

    def patches_of(indices, distortion, strength):
        return measurement.patches_of(
            indices, protocol, source, FLAGS.pairs, distortion, strength, seed
        )

    report.write(output_dir, measured, results, patches_of)
    print(f"\n{report.markdown(measured)}\n{output_dir / 'report.html'}")


if __name__ == "__main__":
    command_line.run(main)
