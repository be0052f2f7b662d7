r"""Fit the confidence of estimates, and check it on other images.

    python -m keras_homography.calibrate --dataset=path/to/images \
        --validation_dataset=path/to/others

Needs scikit-learn: `pip install 'keras-homography[calibrate]'`. Prints the constants of
`registration/confidence.py`, fitted to pairs of all sets; and the Brier score, the share that is
refused and the share that is wrong, of each set by constants fitted to the others. Leaves
`reliability.png` in `--output_dir`.
"""

from absl import flags

from keras_homography.evaluation.config import CalibrateConfig
from keras_homography.utils import command_line, common_flags, files

FLAGS = flags.FLAGS

_DEFAULT = CalibrateConfig()

common_flags.define_dataset(
    "synthetic", "To fit on, as in `train`. 'none' checks the constants in place."
)
flags.DEFINE_string(
    "validation_dataset",
    _DEFAULT.validation_dataset,
    "Other images, to check on, and to fit on as well.",
)
flags.DEFINE_integer(
    "pairs", _DEFAULT.pairs, "Of each of the 20 kinds; all traps once for every 50.", lower_bound=2
)
flags.DEFINE_string(
    "labeled_pairs",
    _DEFAULT.labeled_pairs,
    "Folder of real pairs, as of `evaluate --protocol=pairs`, to fit to and to check on as well.",
)
common_flags.define_output_dir(_DEFAULT.output_dir, "Where the diagram is written.")


def main() -> None:
    """Calibrate as the flags say."""
    config = CalibrateConfig(
        dataset=None if FLAGS.dataset == "none" else FLAGS.dataset,
        validation_dataset=FLAGS.validation_dataset,
        pairs=FLAGS.pairs,
        labeled_pairs=FLAGS.labeled_pairs,
        output_dir=FLAGS.output_dir,
    )
    files.check_writable(config.output_dir)

    from keras_homography.evaluation import confidence_calibration

    confidence_calibration.run(config)


if __name__ == "__main__":
    command_line.run(main)
