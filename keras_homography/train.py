"""Train a homography network, validate it, export it.

    python -m keras_homography.train --flagfile=flags/quickstart.flags
    python -m keras_homography.train --gpus=1 --output_dir=runs/coco

Leaves in `--output_dir`: `model.keras`, `saved_model/`, `model.tflite`, `metrics.json`,
`run.flags`, `learning_curve.png`, `validation.png`, `history.json`, TensorBoard's `logs/`, and
`checkpoints/` to resume from. The same command again resumes; a larger `--steps` extends a finished
run. From Python: `keras_homography.training.run(TrainConfig(...))`.
"""

from absl import flags

from keras_homography import training
from keras_homography.training import training_flags
from keras_homography.utils import command_line, stop_signals
from keras_homography.utils.errors import UserError

training_flags.define_flags()
flags.adopt_module_key_flags(training_flags)


def main() -> int:
    """Run the training that the flags describe; return 128 and the signal that stopped it."""
    config = training_flags.config_from_flags(flags.FLAGS)
    try:
        result = training.run(config)
    except (UserError, KeyboardInterrupt) as error:
        code = 2 if isinstance(error, UserError) else 130  # as `command_line.run` says
        stop_signals.exit_without_waiting(error, code)
        raise
    return 128 + result.stopped_by if result.stopped_by else 0


if __name__ == "__main__":
    command_line.run(main)
