"""Measure estimators on labeled pairs, and calibrate the confidence.

    from keras_homography import evaluation

    config = evaluation.EvaluateConfig(model=("homography", "sift_ransac"), dataset="synthetic")
    rows = evaluation.run(config)["rows"]

`run` is imported when it is asked for, as it needs TensorFlow.
"""

from typing import TYPE_CHECKING, Any

from keras_homography.evaluation.config import CalibrateConfig as CalibrateConfig
from keras_homography.evaluation.config import EvaluateConfig as EvaluateConfig

if TYPE_CHECKING:
    from keras_homography.evaluation.evaluation_run import run as run


def __getattr__(name: str) -> Any:
    """Import `run` when it is asked for."""
    if name == "run":
        from keras_homography.evaluation import evaluation_run

        return evaluation_run.run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
