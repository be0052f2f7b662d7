"""The pairs of a protocol: the same on every machine.

Pair `i` is a pure function of the seed and of `i`: offsets bit for bit, pixels within one gray
level. The first 1,000 pairs are those of any longer run.
"""

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
import tensorflow as tf

from keras_homography.data import batching, distortions, sources
from keras_homography.data.indexed_source import IndexedSource, shuffled_index
from keras_homography.data.sources import ImageSource
from keras_homography.evaluation.conditions import CLEAN, NO_DISTORTION, Condition
from keras_homography.evaluation.protocols import Protocol

# The sequence of the reference pairs.
SEED = 1606_03798
_BATCH_SIZE = 64


def open_source(protocol: Protocol, dataset: str, data_dir: str | None = None) -> ImageSource:
    """Open all images of a dataset at the size of a protocol.

    Args:
      protocol: of `protocols.get_protocol`.
      dataset: "synthetic", a folder, or a TFDS name: see `sources.open_source`. Images in a folder
        with a side below the patch are skipped, and listed in `skipped`.
      data_dir: of TFDS; None for its default.
    """
    return sources.open_source(
        dataset,
        "all",
        height=protocol.spec.image_height,
        width=protocol.spec.image_width,
        min_side=protocol.spec.patch_size,
        data_dir=data_dir,
    )


@dataclasses.dataclass(frozen=True)
class ProtocolPairs:
    """The first pairs of a protocol, made of the images of a source.

    Example:
      >>> protocol = protocols.get_protocol("coco128")
      >>> pairs = ProtocolPairs(protocol, open_source(protocol, "synthetic"), count=100)
      >>> for patches, h4pt in pairs.batches(Condition("occlusion", 1.0)):
      ...     ...

    Attributes:
      protocol: of `protocols.get_protocol`.
      source: of `open_source`.
      count: number of pairs.
      seed: of images, pairs and distortions.
    """

    protocol: Protocol
    source: ImageSource
    count: int
    seed: int = SEED

    def batches(self, condition: Condition = CLEAN) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Make the pairs under a condition, which changes the patches but never the offsets.

        Args:
          condition: a distortion and its strength.

        Yields:
          `(patches, h4pt)`: uint8 `[n, patch_size, patch_size, 2]`, gray levels, channel 0 patch A
          and channel 1 patch B; float32 `[n, 4, 2]`, pixels of the patch.
        """
        distort = (
            None
            if condition.distortion == NO_DISTORTION
            else distortions.get_distortion(condition.distortion, condition.strength)
        )
        batch_size = min(_BATCH_SIZE, self.count)
        endless = batching.pair_batches(
            self.source,
            self.protocol.spec,
            seed=self.seed,
            batch_size=batch_size,
            distort=distort,
        )
        missing = self.count
        for patches, h4pt in endless.take(-(-missing // batch_size)).as_numpy_iterator():
            n = min(len(h4pt), missing)
            yield patches[:n].astype(np.uint8), h4pt[:n]
            missing -= n

    def collect(self, condition: Condition = CLEAN) -> tuple[np.ndarray, np.ndarray]:
        """Make all pairs under a condition: the concatenated `batches`."""
        patches, h4pt = zip(*self.batches(condition), strict=True)
        return np.concatenate(patches), np.concatenate(h4pt)

    def image_numbers(self) -> np.ndarray:
        """Return from which image each pair is, int64 `[count]`."""
        positions = np.arange(self.count)
        if not isinstance(self.source, IndexedSource):
            return positions  # generated images: each pair has its own
        count = self.source.num_images
        number_of = tf.function(
            lambda position: shuffled_index(position, count, self.seed),
            input_signature=[tf.TensorSpec([], tf.int64)],
            autograph=False,
        )
        return np.array([int(number_of(position)) for position in positions])

    def select(self, indices: Iterable[int], condition: Condition = CLEAN) -> dict[int, np.ndarray]:
        """Make the patches of some pairs again, to draw them.

        Args:
          indices: numbers of the pairs.
          condition: as in `batches`.

        Returns:
          `{index: patches}`, uint8 `[patch_size, patch_size, 2]`.
        """
        remaining, selected, first = set(map(int, indices)), {}, 0
        for patches, _ in self.batches(condition):
            for index in remaining.intersection(range(first, first + len(patches))):
                selected[index] = patches[index - first]
            first += len(patches)
        return selected
