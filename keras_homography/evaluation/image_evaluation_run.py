"""An evaluation on whole images, real pairs or traps: what `evaluation_run` reports of it."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_homography.data import labeled_pairs, sources
from keras_homography.evaluation import (
    image_estimators,
    image_report,
    image_results,
    labeled_pair_measurement,
    report_files,
    trap_measurement,
    trap_scenes,
    traps,
)
from keras_homography.evaluation.config import EvaluateConfig
from keras_homography.utils.errors import UserError

TRAP_SEED = 20_161_124
_MIN_SIDE = 128  # pixels, of an image that traps are made of


def measure(
    config: EvaluateConfig,
) -> tuple[dict[str, Any], list[dict[str, Any]], list[report_files.Drawing]]:
    """Measure estimators on whole images.

    Args:
      config: with a protocol of `protocols.IMAGE_PROTOCOLS`.

    Returns:
      `(fields, rows, drawings)`: of `metrics.json`, what was measured on, and an entry for every
      estimator and kind and one of all kinds; of the report, its pictures.
    """
    estimators = image_estimators.open_image_estimators(
        config.model, config.num_threads, config.trust, config.matcher, config.max_attempts
    )
    measure_kind = _measure_pairs if config.protocol == "pairs" else _measure_traps
    rows, pairs, skipped, drawings = measure_kind(config, estimators)
    fields = {"protocol": {"name": config.protocol}, "pairs": pairs, "skipped": skipped}
    return fields, rows, drawings


_Measured = tuple[list[dict[str, Any]], int, dict[str, str], list[report_files.Drawing]]


def _measure_pairs(
    config: EvaluateConfig, estimators: list[image_estimators.ImageEstimator]
) -> _Measured:
    pairs, skipped = labeled_pairs.find_labeled_pairs(config.dataset)
    selected = labeled_pair_measurement.select(pairs, config.pairs, config.part)
    outcomes, unreadable = labeled_pair_measurement.measure(
        estimators, selected, config.resize_short_side, config.error
    )
    skipped = skipped | unreadable
    for name, reason in skipped.items():
        print(f"Skipped {name}: {reason}")
    if not outcomes:
        raise UserError(f"No pair below {config.dataset} could be used.")
    return image_results.rows(outcomes), len(selected) - len(unreadable), skipped, []


def _measure_traps(
    config: EvaluateConfig, estimators: list[image_estimators.ImageEstimator]
) -> _Measured:
    source = sources.open_source(
        config.dataset,
        "all",
        height=trap_scenes.WORLD_HEIGHT,
        width=trap_scenes.WORLD_WIDTH,
        min_side=_MIN_SIDE,
        data_dir=config.data_dir,
    )
    seed = TRAP_SEED if config.seed is None else config.seed
    rendered: dict[str, traps.Trap] = {}

    def worlds() -> Iterator[np.ndarray]:
        for _, image in source.stream(seed).as_numpy_iterator():
            yield image[..., 0]

    def named() -> Iterator[traps.Trap]:
        for number, trap in enumerate(traps.render_traps(worlds(), seed)):
            rendered[trap_measurement.name_of(trap, number)] = trap
            yield trap

    outcomes, verdicts = trap_measurement.measure(estimators, named(), traps.COUNT)
    drawings = image_report.draw_trap_report(outcomes, verdicts, rendered, estimators[0].name)
    return trap_measurement.rows(outcomes, verdicts), traps.COUNT, source.skipped, list(drawings)
