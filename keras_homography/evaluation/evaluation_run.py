"""One evaluation from its configuration to its report."""

import pathlib
from collections.abc import Iterable
from typing import Any

from keras_homography.evaluation import (
    evaluated_estimators,
    image_evaluation_run,
    image_report,
    measurement,
    protocol_pairs,
    protocols,
    report_files,
    report_tables,
)
from keras_homography.evaluation.config import EvaluateConfig
from keras_homography.utils import environment


def run(config: EvaluateConfig) -> dict[str, Any]:
    """Measure estimators and write the report.

    Args:
      config: see there. Where it limits the threads, call this before TensorFlow is used.

    Returns:
      What `metrics.json` contains: `rows`, an entry for every estimator and condition (the README
      explains their fields), and what they were measured on and with.

    Raises:
      UserError: a model, dataset or folder cannot be used; nothing is written then.
    """
    output_dir = None if config.output_dir is None else pathlib.Path(config.output_dir).absolute()
    if output_dir:
        report_files.check_output_dir(output_dir)
    environment.limit_threads(config.num_threads)
    on_images = config.protocol in protocols.IMAGE_PROTOCOLS
    measure = image_evaluation_run.measure if on_images else _measure_patches
    fields, rows, drawings = measure(config)
    measured = {
        "schema_version": 1,
        "dataset": config.dataset,
        **fields,
        "threads": environment.thread_counts(config.num_threads),
        "environment": environment.describe(),
        "peak_memory_mb": environment.peak_memory_megabytes(),
        "flags": config.as_flags(),
        "rows": rows,
    }
    if output_dir:
        describe = image_report.describe if on_images else report_tables.describe
        report_files.write(output_dir, measured, describe(measured), drawings)
    return measured


def _measure_patches(
    config: EvaluateConfig,
) -> tuple[dict[str, Any], list[dict[str, Any]], Iterable[report_files.Drawing]]:
    """Measure estimators on pairs of patches: as `image_evaluation_run.measure`."""
    protocol = config.get_protocol()
    estimators = evaluated_estimators.open_estimators(
        config.model, protocol, config.num_threads, config.trust
    )
    source = protocol_pairs.open_source(protocol, config.dataset, config.data_dir)
    seed = protocol_pairs.SEED if config.seed is None else config.seed
    pairs = protocol_pairs.ProtocolPairs(protocol, source, config.pairs, seed)
    results = measurement.measure(estimators, pairs, config.get_conditions())
    fields = {
        "photos": source.count,
        "photos_skipped": None if source.count is None else len(source.skipped),
        "protocol": protocol.as_json(),
        "paper_doubling": protocol.paper_doubling,
        "pairs": config.pairs,
        "seed": seed,
    }
    rows = [result.as_row(protocol) for result in results]
    return fields, rows, report_files.draw_patch_report(results, pairs)
