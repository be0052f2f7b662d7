"""Pairs that a run cuts out of labeled pairs of photos, alone or mixed with generated ones."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_homography.data import batching, labeled_images, labeled_source
from keras_homography.data.labeled_images import AlignedPair
from keras_homography.training import matching_validation, validation
from keras_homography.training.config import TrainConfig
from keras_homography.training.generated_inputs import GeneratedPairs
from keras_homography.utils.errors import UserError


class LabeledPairs:
    """Pairs of patches from labeled pairs of photos, as a run's configuration says.

    Args:
      config: Of the run.
      aligned: The pairs of photos, at least one.
    """

    def __init__(self, config: TrainConfig, aligned: Sequence[AlignedPair]) -> None:
        self._config = config
        self._source = labeled_source.LabeledSource(aligned)

    def batches(self, order: dict[str, Any], steps: int | None) -> tf.data.Dataset:
        """Return endless batches: see `GeneratedPairs.batches`."""
        if self._config.is_matcher:
            return self._source.matching_batches(self._config.patch_size, steps=steps, **order)
        return self._source.corner_batches(self._config.spec, **order)

    def validation_set(self) -> validation.ValidationSet:
        """Return the first pairs of the validation sequence."""
        config = self._config
        batches = self.batches({"seed": batching.VALIDATION_SEED, "batch_size": 1}, None)
        counted = batches.unbatch().take(config.validation_pairs).batch(64).cache()
        if config.is_matcher:
            return matching_validation.MatchingValidation(counted)
        return validation.LabeledValidation(counted, config.rho)


class MixedPairs:
    """Labeled pairs, and in every batch a share of pairs from generated images.

    Args:
      config: Of the run, with `mix_synthetic`.
      labeled: The others.
    """

    def __init__(self, config: TrainConfig, labeled: LabeledPairs) -> None:
        self._share = config.mix_synthetic
        self._labeled = labeled
        self._generated = GeneratedPairs(config, "synthetic", "train", for_training=True)

    def batches(self, order: dict[str, Any], steps: int | None) -> tf.data.Dataset:
        """Return endless batches: see `GeneratedPairs.batches`.

        Raises:
          UserError: The share is no whole pair of a batch, or leaves no labeled one.
        """
        workers = order.get("shard", (0, 1))[1]
        of_worker = order["batch_size"] // workers
        generated = round(self._share * of_worker)
        if not 0 < generated < of_worker:
            raise UserError(
                f"--mix_synthetic={self._share:g} of {of_worker} pairs in a batch is "
                f"{generated} of them; both kinds need one at least. Use a larger --batch_size or "
                "another share."
            )
        parts = [
            source.batches({**order, "batch_size": count * workers}, steps)
            for source, count in (
                (self._labeled, of_worker - generated),
                (self._generated, generated),
            )
        ]

        @tf.autograph.experimental.do_not_convert
        def join(*batches: Any) -> Any:
            return tf.nest.map_structure(lambda *values: tf.concat(values, axis=0), *batches)

        return tf.data.Dataset.zip(tuple(parts)).map(join).prefetch(tf.data.AUTOTUNE)


def read(config: TrainConfig, dataset: str) -> tuple[list[AlignedPair], dict[str, str]]:
    """Read the labeled pairs of a folder, and print how many there are and how well they fit.

    Args:
      config: Of the run, with the sizes.
      dataset: The folder.

    Returns:
      `(pairs, skipped)`: see `labeled_images.read_folder`.

    Raises:
      UserError: None can be used.
    """
    width, height = config.image_size
    pairs, skipped = labeled_images.read_folder(
        dataset,
        width=width,
        height=height,
        min_side=config.patch_size,
        max_residual=config.max_residual,
    )
    scenes = len(labeled_images.group_by_scene(pairs))
    print(f"{dataset}: {len(pairs)} labeled pairs, scenes: {scenes}, left out: {len(skipped)}.")
    residuals = {pair.name: pair.residual for pair in pairs if pair.residual is not None}
    if residuals:
        worst = max(residuals, key=lambda name: residuals[name])
        mean = sum(residuals.values()) / len(residuals)
        print(
            f"  Homographies fitted to the points of {len(residuals)} pairs are {mean:.2f} px off "
            f"on average, at most {residuals[worst]:.2f} px ({worst})."
        )
    return pairs, skipped
