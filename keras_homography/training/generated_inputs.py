"""Pairs that a run generates from images."""

import pathlib
from typing import Any

import tensorflow as tf

from keras_homography.data import (
    batching,
    distortion_names,
    distortions,
    matching_pairs,
    sources,
    tf_data_service,
)
from keras_homography.training import matching_validation, validation
from keras_homography.training.config import TrainConfig


class GeneratedPairs:
    """Pairs generated from the images of a dataset, as a run's configuration says.

    Args:
      config: Of the run.
      dataset: TFDS name, folder of images, or "synthetic".
      part: Of the dataset: "train", "validation" or "all".
      for_training: Whether images may be decoded quickly, and are kept as `--cache` says.

    Attributes:
      skipped: `{path or name: reason}` of the images that cannot be used.

    Raises:
      UserError: The dataset cannot be used.
    """

    def __init__(self, config: TrainConfig, dataset: str, part: str, for_training: bool) -> None:
        self._config = config
        width, height = config.image_size
        options: dict[str, Any] = {"cache": config.cache, "quick": True} if for_training else {}
        self._source = sources.open_source(
            dataset,
            part,
            height=height,
            width=width,
            min_side=config.patch_size,
            data_dir=config.data_dir,
            channels=3 if config.is_matcher else 1,
            **options,
        )
        self.skipped = self._source.skipped

    def batches(self, order: dict[str, Any], steps: int | None) -> tf.data.Dataset:
        """Return endless batches.

        Args:
          order: `seed`, `batch_size`, `start_step` and `shard`, as of `batching.pair_batches`.
          steps: Of the whole run, over which the pairs of a matcher become difficult; None for
            difficult ones from the first.
        """
        config = self._config
        order = {**order, "pairs_per_image": config.pairs_per_image}
        if config.is_matcher:
            return matching_pairs.pair_batches(
                self._source,
                config.patch_size,
                steps=steps,
                share_of_sensors=self._share_of_sensors,
                **order,
            )
        if config.make_pairs_on == "device":
            made = batching.image_batches(self._source, **order).prefetch(2)
        else:
            clean = config.distortion == "none"
            distort = None if clean else distortions.get_distortion(config.distortion)
            made = batching.pair_batches(self._source, config.spec, distort=distort, **order)
        if config.data_service:
            task, step = order["shard"][0], order["start_step"]
            job = f"{pathlib.Path(config.output_dir).absolute()}-{task}-{step}"
            made = tf_data_service.distribute(made, config.data_service, job)
        return made

    def validation_set(self) -> validation.ValidationSet:
        """Return the first pairs of the validation sequence."""
        config = self._config
        if config.is_matcher:
            batches = matching_pairs.validation_batches(
                self._source, config.patch_size, config.validation_pairs, self._share_of_sensors
            )
            return matching_validation.MatchingValidation(batches)
        return validation.LabeledValidation(
            batching.validation_batches(self._source, config.validation_pairs, config.spec),
            config.rho,
        )

    @property
    def _share_of_sensors(self) -> float:
        with_sensors = self._config.distortion == distortion_names.SENSORS
        return matching_pairs.SHARE_OF_SENSORS if with_sensors else 0.0
