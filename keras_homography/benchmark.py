"""Measure speed, each time with a reference beside it in the same run.

    python -m keras_homography.benchmark --stage=pipeline --dataset=path/to/images
    python -m keras_homography.benchmark --stage=train
    python -m keras_homography.benchmark --stage=inference --threads=1
    python -m keras_homography.benchmark --stage=video --dataset=path/to/images --threads=1

Prints one JSON object a line: `stage`, `case`, `value`, `unit`, `reference`, `reference_value`,
`ratio` (over 1: ours is better; null where the worse is 0), `threads`, `machine` and `date`.
Nothing else should run meanwhile.
"""

import contextlib
import json
import os
import sys

from absl import flags

from keras_homography.benchmarks import stages
from keras_homography.utils import command_line, common_flags

FLAGS = flags.FLAGS

flags.DEFINE_enum("stage", None, list(stages.STAGES), "What to measure.")
common_flags.define_dataset(
    "synthetic", "Folder of images, or 'synthetic': generated images, as JPEG files."
)
flags.DEFINE_integer("threads", os.cpu_count(), "That each side uses.", lower_bound=1)
flags.DEFINE_float("seconds", 5.0, "Of each measurement.", lower_bound=0.1)


def main() -> None:
    """Measure what the flags say."""
    config = stages.BenchmarkConfig(
        stage=FLAGS.stage,
        dataset=FLAGS.dataset,
        num_threads=FLAGS.threads,
        seconds=FLAGS.seconds,
    )
    output = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # progress of reading images
        for measured in stages.run(config):
            print(json.dumps(measured), file=output, flush=True)


if __name__ == "__main__":
    flags.mark_flag_as_required("stage")
    command_line.run(main)
