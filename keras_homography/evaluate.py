r"""Measure estimators on the same pairs: networks, HomographyEstimator, and OpenCV's as baselines.

    python -m keras_homography.evaluate --dataset=synthetic --pairs=200
    python -m keras_homography.evaluate --model=all,runs/coco/model.keras --distortion=all \
        --dataset=path/to/images --pairs=1000
    python -m keras_homography.evaluate --protocol=pairs --dataset=path/to/pairs \\
        --model=estimator,rootsift_magsac
    python -m keras_homography.evaluate --protocol=traps --dataset=path/to/images --model=estimator

Leaves in `--output_dir`: `metrics.json`, `metrics.md`, `report.html` (needs no other file), the
plots `error_distribution.png`, `error_by_displacement.png`, `error_by_strength.png` and
`error_by_confidence.png`, a sheet of the best, median and worst pairs for every distortion,
`sheet_DISTORTION.jpg`, and `run.flags`.
"""

import pathlib

from absl import flags

from keras_homography.evaluation import conditions, opencv_estimators, protocols
from keras_homography.evaluation.config import ERRORS, PARTS, EvaluateConfig
from keras_homography.utils import command_line, common_flags
from keras_homography.utils.errors import UserError

FLAGS = flags.FLAGS

_DEFAULT = EvaluateConfig()

flags.DEFINE_list(
    "model",
    list(_DEFAULT.model),
    "Estimators, separated by commas: paths of .keras and .tflite files, names of shipped models, "
    "estimator (HomographyEstimator), and OpenCV's "
    f"{', '.join(opencv_estimators.ESTIMATORS)}; 'all' is all of OpenCV's that are installed. Of "
    "--protocol=pairs and traps: estimator, networks for it, rootsift_magsac, affine_sift, "
    "identity.",
)
common_flags.define_dataset()
common_flags.define_data_dir()
flags.DEFINE_enum(
    "protocol",
    _DEFAULT.protocol,
    [*protocols.PROTOCOLS, *protocols.IMAGE_PROTOCOLS],
    "What to measure on: warped patches, at two sizes; 'pairs', real pairs with ground truth in "
    "the folder --dataset; 'traps', what fools an aligner, rendered from --dataset.",
)
flags.DEFINE_bool(
    "paper_doubling",
    _DEFAULT.paper_doubling,
    "Where a network sees smaller patches than the protocol's: multiply its offsets, as the paper "
    "does, instead of rescaling its matrix with half-pixel centers.",
)
flags.DEFINE_list(
    "distortion",
    list(_DEFAULT.distortion),
    f"Of the patches, separated by commas: {', '.join(conditions.NAMES)}; 'all' is each of these "
    "but mixed, by itself.",
)
flags.DEFINE_list("strengths", ["1"], "Of each distortion, above 0 to 2; 1 is the default level.")
flags.DEFINE_integer(
    "pairs",
    _DEFAULT.pairs,
    "How many; the paper tests on 5,000. Of --protocol=pairs, of each kind.",
)
flags.DEFINE_enum(
    "part", None, PARTS, "Of --protocol=pairs: a half of them. Tune on one, report the other once."
)
flags.DEFINE_integer(
    "resize_short_side", None, "Of --protocol=pairs, in pixels: 480 is usual for HPatches."
)
flags.DEFINE_enum(
    "error", _DEFAULT.error, ERRORS, "Of --protocol=pairs: at the truth's points or A's corners."
)
flags.DEFINE_string(
    "matcher", _DEFAULT.matcher, "Of --protocol=pairs and traps: shipped name or path of a matcher."
)
flags.DEFINE_integer(
    "max_attempts",
    _DEFAULT.max_attempts,
    "Of --protocol=pairs and traps: initializations before our estimator refuses a pair.",
    lower_bound=1,
)
flags.DEFINE_integer("seed", None, "Of images and pairs. Default: the protocol's frozen sequence.")
flags.DEFINE_integer(
    "threads",
    None,
    "That each estimator may use, to compare times. Default: each library's own; TFLite's is 1.",
    lower_bound=1,
)
common_flags.define_trust_model()
common_flags.define_output_dir("runs/evaluation")


def _parse_strengths(texts: list[str]) -> tuple[float, ...]:
    try:
        return tuple(float(text) for text in texts)
    except ValueError:
        raise UserError(
            f"--strengths must be numbers, separated by commas; got {','.join(texts)}."
        ) from None


def main() -> None:
    """Evaluate as the flags say."""
    config = EvaluateConfig(
        model=tuple(FLAGS.model),
        dataset=FLAGS.dataset,
        data_dir=FLAGS.data_dir,
        protocol=FLAGS.protocol,
        paper_doubling=FLAGS.paper_doubling,
        distortion=tuple(FLAGS.distortion),
        strengths=_parse_strengths(FLAGS.strengths),
        pairs=FLAGS.pairs,
        part=FLAGS.part,
        resize_short_side=FLAGS.resize_short_side,
        error=FLAGS.error,
        matcher=FLAGS.matcher,
        max_attempts=FLAGS.max_attempts,
        seed=FLAGS.seed,
        num_threads=FLAGS.threads,
        trust=FLAGS.trust_model,
        output_dir=FLAGS.output_dir,
    )

    from keras_homography.evaluation import evaluation_run, image_report, report_tables

    measured = evaluation_run.run(config)
    on_images = config.protocol in protocols.IMAGE_PROTOCOLS
    text = (image_report if on_images else report_tables).describe(measured)
    report = pathlib.Path(FLAGS.output_dir).absolute() / "report.html"
    print(f"\n{report_tables.markdown(text)}\n{report}")


if __name__ == "__main__":
    command_line.run(main)
