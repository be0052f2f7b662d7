"""The stages of `benchmark`, listed once, and one run of a stage.

Imports no TensorFlow: `--help` lists the stages.
"""

import dataclasses
import os
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from keras_homography.utils import environment
from keras_homography.utils.errors import UserError

# `(dataset, num_threads, seconds) -> measurements`, each of `interleaved_timing.result`.
Measure: TypeAlias = Callable[[str, int, float], Iterator[dict[str, Any]]]


def _pipeline() -> Measure:
    from keras_homography.benchmarks import pipeline

    return pipeline.measure


def _train() -> Measure:
    from keras_homography.benchmarks import training

    return training.measure


def _inference() -> Measure:
    from keras_homography.benchmarks import inference

    return inference.measure


def _video() -> Measure:
    from keras_homography.benchmarks import video

    return video.measure


# The name of a stage and the function that imports it.
STAGES: dict[str, Callable[[], Measure]] = {
    "pipeline": _pipeline,
    "train": _train,
    "inference": _inference,
    "video": _video,
}


@dataclasses.dataclass(frozen=True)
class BenchmarkConfig:
    """What to measure.

    Attributes:
      stage: a name of `STAGES`.
      dataset: folder of images, or "synthetic": generated images, as JPEG files.
      num_threads: that each side uses.
      seconds: of each measurement.

    Raises:
      UserError: there is no such stage or folder.
    """

    stage: str
    dataset: str = "synthetic"
    num_threads: int = os.cpu_count() or 1
    seconds: float = 5.0

    def __post_init__(self) -> None:
        if self.stage not in STAGES:
            raise UserError(f"There is no stage {self.stage!r}; there are {', '.join(STAGES)}.")
        if self.dataset != "synthetic" and not os.path.isdir(self.dataset):
            raise UserError(
                f"--dataset={self.dataset}: there is no such folder. Give a folder of images, or "
                "'synthetic'."
            )


def run(config: BenchmarkConfig) -> Iterator[dict[str, Any]]:
    """Measure a stage; to be called before TensorFlow is used, whose threads it limits.

    Args:
      config: see there.

    Yields:
      The measurements of `interleaved_timing.result` with `stage`, `machine` and `date`.
    """
    import tensorflow as tf

    environment.limit_threads(config.num_threads)
    tf.config.threading.set_inter_op_parallelism_threads(config.num_threads)
    measure = STAGES[config.stage]()
    machine, date = environment.machine(), time.strftime("%Y-%m-%d")
    for measured in measure(config.dataset, config.num_threads, config.seconds):
        yield {"stage": config.stage, **measured, "machine": machine, "date": date}
