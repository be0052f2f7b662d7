"""Measures speed, each time with a reference beside it in the same run.

    python -m keras_homography.benchmark --stage=pipeline --dataset=path/to/photos
    python -m keras_homography.benchmark --stage=train
    python -m keras_homography.benchmark --stage=inference --threads=1

Prints one JSON object a line: `stage`, `case`, `value`, `unit`, `reference`, `reference_value`,
`ratio` (over 1: ours is better), `threads`, and the `machine` and the `date`. Nothing else should
run meanwhile.
"""

import contextlib
import importlib
import json
import os
import sys
import time

from absl import flags

from keras_homography.utils import command_line
from keras_homography.utils.errors import UserError

FLAGS = flags.FLAGS


flags.DEFINE_enum(
    "stage", None, ["pipeline", "train", "inference"], "What to measure.", required=True
)
flags.DEFINE_string(
    "dataset", "synthetic", "Folder of photos, or 'synthetic': generated photos, as JPEG files."
)
flags.DEFINE_integer("threads", os.cpu_count(), "That each side uses.", lower_bound=1)
flags.DEFINE_float("seconds", 5.0, "Of each measurement.", lower_bound=0.1)


def main():
    if FLAGS.dataset != "synthetic" and not os.path.isdir(FLAGS.dataset):
        raise UserError(
            f"--dataset={FLAGS.dataset}: there is no such folder. Give a folder of photos, or "
            "'synthetic'."
        )

    import tensorflow as tf

    from keras_homography.utils import environment

    environment.limit_threads(FLAGS.threads)
    tf.config.threading.set_inter_op_parallelism_threads(FLAGS.threads)
    module = {"train": "training"}.get(FLAGS.stage, FLAGS.stage)
    stage = importlib.import_module(f"keras_homography.benchmarks.{module}")
    described = {"machine": environment.machine(), "date": time.strftime("%Y-%m-%d")}
    output = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # progress of reading photos
        for result in stage.measure(FLAGS.dataset, FLAGS.threads, FLAGS.seconds):
            line = {"stage": FLAGS.stage, **result, **described}
            print(json.dumps(line), file=output, flush=True)


if __name__ == "__main__":
    command_line.run(main)
