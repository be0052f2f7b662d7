"""Inputs of a training run: batches of this worker and the validation set."""

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from keras_homography.data import batching, frame_pairs, labeled_images, tf_data_service
from keras_homography.data.labeled_pairs import holds_labeled_pairs
from keras_homography.training import labeled_inputs, validation
from keras_homography.training.cluster import Cluster
from keras_homography.training.config import TrainConfig
from keras_homography.training.generated_inputs import GeneratedPairs
from keras_homography.training.labeled_inputs import LabeledPairs, MixedPairs
from keras_homography.utils import errors


@dataclasses.dataclass(frozen=True)
class TrainInputs:
    """What a worker trains and validates on.

    Attributes:
      batches: Function from a step to an endless dataset of this worker's part of the batches,
        which begins with that step's.
      validation_set: To validate on; None for a worker that leaves it to another.
      skipped: `{path or name: reason}` of what cannot be used of the datasets.
      residuals: `{name: pixels}` of the labeled pairs whose truth is points: how far the fitted
        homography is off, on average.
    """

    batches: Callable[[int], tf.data.Dataset]
    validation_set: validation.ValidationSet | None
    skipped: dict[str, str]
    residuals: dict[str, float] = dataclasses.field(default_factory=dict)


def open_inputs(config: TrainConfig, cluster: Cluster) -> TrainInputs:
    """Open the datasets of a run: images to generate pairs from, labeled or unlabeled pairs.

    Args:
      config: Of the run.
      cluster: Of this worker.

    Raises:
      UserError: A dataset cannot be used.
    """
    with errors.from_graphs():
        return (_open_unlabeled if config.is_unlabeled else _open_labeled)(config, cluster)


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


def _open_labeled(config: TrainConfig, cluster: Cluster) -> TrainInputs:
    """Open pairs with labels, each dataset as its kind: of photos, or generated from images."""
    if config.data_service:
        tf_data_service.parse_address(config.data_service)  # fails before images are read
    part, validation_part = _parts(config)
    held_out: list[labeled_images.AlignedPair] = []
    read: list[labeled_images.AlignedPair] = []
    skipped: dict[str, str]
    source: GeneratedPairs | LabeledPairs | MixedPairs
    if config.is_labeled:
        read, skipped = labeled_inputs.read(config, config.dataset)
        to_train = read
        if not config.validation_dataset:
            to_train, held_out = labeled_images.split_by_scene(read)
        labeled = LabeledPairs(config, to_train)
        source = MixedPairs(config, labeled) if config.mix_synthetic else labeled
    else:
        source = GeneratedPairs(config, config.dataset, part, for_training=True)
        skipped = source.skipped

    validation_set = None
    if cluster.is_writer:
        to_validate: GeneratedPairs | LabeledPairs
        if config.validation_dataset and holds_labeled_pairs(config.validation_dataset):
            held_out, left_out = labeled_inputs.read(config, config.validation_dataset)
            skipped = skipped | left_out
            read = read + held_out
        if held_out:
            to_validate = LabeledPairs(config, held_out)
        else:
            dataset = config.validation_dataset or config.dataset
            to_validate = GeneratedPairs(config, dataset, validation_part, for_training=False)
            skipped = skipped | to_validate.skipped
        validation_set = to_validate.validation_set()

    # What has learned before needs no easy pairs to begin with.
    steps = None if config.is_labeled and config.initial_weights else config.steps

    def batches(step: int) -> tf.data.Dataset:
        return source.batches(_order(config, cluster, step), steps)

    residuals = {pair.name: pair.residual for pair in read if pair.residual is not None}
    return TrainInputs(batches, validation_set, skipped, residuals)
