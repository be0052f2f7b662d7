"""One evaluation from its configuration to its report."""

import pathlib
from typing import Any

from keras_homography.evaluation import (
    evaluated_estimators,
    image_evaluation_run,
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
    if config.protocol in protocols.IMAGE_PROTOCOLS:
        return image_evaluation_run.run(config)
    output_dir = None if config.output_dir is None else pathlib.Path(config.output_dir).absolute()
    if output_dir:
        report_files.check_output_dir(output_dir)
    environment.limit_threads(config.num_threads)
    protocol = config.get_protocol()
    estimators = evaluated_estimators.open_estimators(
        config.model, protocol, config.num_threads, config.trust
    )
    source = protocol_pairs.open_source(protocol, config.dataset, config.data_dir)
    seed = protocol_pairs.SEED if config.seed is None else config.seed
    pairs = protocol_pairs.ProtocolPairs(protocol, source, config.pairs, seed)
    results = measurement.measure(estimators, pairs, config.get_conditions())
    measured = {
        "schema_version": 1,
        "dataset": config.dataset,
        "photos": source.count,
        "photos_skipped": None if source.count is None else len(source.skipped),
        "protocol": protocol.as_json(),
        "paper_doubling": protocol.paper_doubling,
        "pairs": config.pairs,
        "seed": seed,
        "threads": environment.thread_counts(config.num_threads),
        "environment": environment.describe(),
        "peak_memory_mb": environment.peak_memory_megabytes(),
        "flags": config.as_flags(),
        "rows": [result.as_row(protocol) for result in results],
    }
    if output_dir:
        text = report_tables.describe(measured)
        drawings = report_files.draw_patch_report(results, pairs)
        report_files.write(output_dir, measured, text, drawings)
    return measured
