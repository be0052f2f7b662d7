"""Inputs of a training run: batches of this worker and the validation set."""

import dataclasses
import pathlib
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_homography.data import (
    batching,
    distortion_names,
    distortions,
    frame_pairs,
    matching_pairs,
    sources,
    tf_data_service,
)
from keras_homography.training import matching_validation, validation
from keras_homography.training.cluster import Cluster
from keras_homography.training.config import TrainConfig
from keras_homography.utils import errors


@dataclasses.dataclass(frozen=True)
class TrainInputs:
    """What a worker trains and validates on.

    Attributes:
      batches: Function from a step to an endless dataset of this worker's part of the batches,
        which begins with that step's.
      validation_set: To validate on; None for a worker that leaves it to another.
      skipped: `{path or name: reason}` of what cannot be used of the datasets.
    """

    batches: Callable[[int], tf.data.Dataset]
    validation_set: validation.ValidationSet | None
    skipped: dict[str, str]


def open_inputs(config: TrainConfig, cluster: Cluster) -> TrainInputs:
    """Open the datasets of a run: images to generate pairs from, or unlabeled pairs.

    Args:
      config: Of the run.
      cluster: Of this worker.

    Raises:
      UserError: A dataset cannot be used.
    """
    with errors.from_graphs():
        if config.is_matcher:
            return _open_color_images(config, cluster)
        return (_open_unlabeled if config.is_unlabeled else _open_images)(config, cluster)


def _parts(config: TrainConfig) -> tuple[str, str]:
    """Which parts of the datasets are for training and for validation."""
    return ("all", "all") if config.validation_dataset else ("train", "validation")


def _order(config: TrainConfig, cluster: Cluster, step: int) -> dict[str, Any]:
    """Which batches a worker gets from a step on."""
    return {
        "seed": config.seed,
        "batch_size": config.batch_size,
        "start_step": step,
        "shard": (cluster.task, len(cluster.workers)),
    }


def _open_unlabeled(config: TrainConfig, cluster: Cluster) -> TrainInputs:
    width, height = config.image_size
    part, validation_part = _parts(config)
    source = frame_pairs.FramePairs(config.dataset, height, width, part)
    validation_set, skipped = None, source.skipped
    if cluster.is_writer:
        held_out = frame_pairs.FramePairs(
            config.validation_dataset or config.dataset, height, width, validation_part
        )
        validation_set = validation.UnlabeledValidation(
            held_out.validation_batches(
                config.validation_pairs, config.patch_size, batching.VALIDATION_SEED
            )
        )
        skipped = skipped | held_out.skipped

    def batches(step: int) -> tf.data.Dataset:
        return source.batches(patch_size=config.patch_size, **_order(config, cluster, step))

    return TrainInputs(batches, validation_set, skipped)


def _open_color_images(config: TrainConfig, cluster: Cluster) -> TrainInputs:
    """Open the images that pairs for the matcher are rendered from."""
    width, height = config.image_size
    options: dict[str, Any] = {
        "height": height,
        "width": width,
        "min_side": config.patch_size,
        "data_dir": config.data_dir,
        "channels": 3,
    }
    part, validation_part = _parts(config)
    source = sources.open_source(config.dataset, part, cache=config.cache, quick=True, **options)
    validation_set, skipped = None, source.skipped
    with_sensors = config.distortion == distortion_names.SENSORS
    share_of_sensors = matching_pairs.SHARE_OF_SENSORS if with_sensors else 0.0
    if cluster.is_writer:
        held_out = sources.open_source(
            config.validation_dataset or config.dataset, validation_part, **options
        )
        batches_to_validate = matching_pairs.validation_batches(
            held_out, config.patch_size, config.validation_pairs, share_of_sensors
        )
        validation_set = matching_validation.MatchingValidation(batches_to_validate)
        skipped = skipped | held_out.skipped

    def batches(step: int) -> tf.data.Dataset:
        return matching_pairs.pair_batches(
            source,
            config.patch_size,
            steps=config.steps,
            pairs_per_image=config.pairs_per_image,
            share_of_sensors=share_of_sensors,
            **_order(config, cluster, step),
        )

    return TrainInputs(batches, validation_set, skipped)


def _open_images(config: TrainConfig, cluster: Cluster) -> TrainInputs:
    spec = config.spec
    sizes: dict[str, Any] = {
        "height": spec.image_height,
        "width": spec.image_width,
        "min_side": spec.patch_size,
        "data_dir": config.data_dir,
    }
    if config.data_service:
        tf_data_service.parse_address(config.data_service)  # fails before images are read
    part, validation_part = _parts(config)
    source = sources.open_source(config.dataset, part, cache=config.cache, quick=True, **sizes)
    validation_set, skipped = None, source.skipped
    if cluster.is_writer:
        held_out = sources.open_source(
            config.validation_dataset or config.dataset, validation_part, **sizes
        )
        validation_set = validation.LabeledValidation(
            batching.validation_batches(held_out, config.validation_pairs, spec), config.rho
        )
        skipped = skipped | held_out.skipped

    def batches(step: int) -> tf.data.Dataset:
        order = {**_order(config, cluster, step), "pairs_per_image": config.pairs_per_image}
        if config.make_pairs_on == "device":
            made = batching.image_batches(source, **order).prefetch(2)
        else:
            clean = config.distortion == "none"
            distort = None if clean else distortions.get_distortion(config.distortion)
            made = batching.pair_batches(source, spec, distort=distort, **order)
        if config.data_service:
            job = f"{pathlib.Path(config.output_dir).absolute()}-{cluster.task}-{step}"
            made = tf_data_service.distribute(made, config.data_service, job)
        return made

    return TrainInputs(batches, validation_set, skipped)
