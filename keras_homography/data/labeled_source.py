"""Patches to train on from labeled pairs of photos, in the graph.

Patch A is cut out of one photo at a random place, patch B out of the other one, where it shows the
same by the truth, under a random homography. So a pair of photos gives endless pairs of patches of
any size, with the light, season and sensor of the photos. Either photo is A.

Pair `i` is a pure function of the seed and of `i`.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_homography import geometry
from keras_homography.data import indexed_source, matching_pairs, pairs, patch_cutting
from keras_homography.data.labeled_images import AlignedPair
from keras_homography.data.pair_spec import PairSpec
from keras_homography.geometry import warping

_TRIES = 12  # places in A, of which the first is taken where B shows enough
_GRID = 8  # points a side of a patch, on which that is measured
_SHOWN_OF_CORNER_PATCH, _SHOWN_OF_MATCHING_PATCH = 0.95, 0.5
_SHARE_FILLED = 0.4  # of the matcher's patches: with black outside an image, not its mirror image

# Seeds, number of the pair of photos, number of the pair of patches -> patches and labels.
_Make = Callable[[list[tf.Tensor], tf.Tensor, tf.Tensor], Any]


class LabeledSource:
    """Labeled pairs of photos, kept in memory: a byte a pixel.

    Args:
      aligned: pairs, at least one.
    """

    def __init__(self, aligned: Sequence[AlignedPair]) -> None:
        unique = {
            image.digest: image.pixels for pair in aligned for image in (pair.image_a, pair.image_b)
        }
        numbers = {digest: number for number, digest in enumerate(unique)}
        images, matrices = [], []
        for pair in aligned:
            a, b = numbers[pair.image_a.digest], numbers[pair.image_b.digest]
            images += [(a, b), (b, a)]
            matrices += [pair.b_from_a, np.linalg.inv(pair.b_from_a)]
        begins = np.cumsum([0] + [pixels.size for pixels in unique.values()])
        self._count = len(matrices)
        with tf.device("/device:CPU:0"):  # else it would fill the memory of a GPU
            self._pixels = tf.constant(np.concatenate([p.ravel() for p in unique.values()]))
            self._begins = tf.constant(begins, tf.int64)
            self._shapes = tf.constant([pixels.shape for pixels in unique.values()], tf.int32)
            self._images = tf.constant(images, tf.int32)
            self._b_from_a = tf.constant(np.stack(matrices), tf.float32)

    def corner_batches(self, spec: PairSpec, **order: Any) -> tf.data.Dataset:
        """Return endless batches of pairs whose corners move by up to rho.

        Args:
          spec: sizes and range of the pairs; the sizes of images in it do not matter.
          **order: `seed`, `batch_size`, `start_step` and `shard`, as of `batching.pair_batches`.

        Returns:
          A dataset of `(patches, h4pt)` as from `batching.pair_batches`, black outside of photos.
        """

        def make(seeds: list[tf.Tensor], number: tf.Tensor, index: tf.Tensor) -> Any:
            photos = self._read(number)
            h4pt = pairs.sample_offsets(seeds[0], spec)
            photo_from_a = photos.choose_place(
                seeds[1],
                spec.patch_size,
                _SHOWN_OF_CORNER_PATCH,
                min_scale=1.0,
                margin=spec.rho,
            )
            a_from_b = geometry.matrix_from_h4pt(h4pt, spec.patch_size)
            patches = photos.cut(photo_from_a, a_from_b, spec.patch_size, [tf.constant(True)] * 2)
            return patches, h4pt

        return self._batches(make, **order)

    def matching_batches(
        self, size: int, *, steps: int | None = None, **order: Any
    ) -> tf.data.Dataset:
        """Return endless batches of pairs for the matcher.

        Args:
          size: side of the patches, in pixels, a multiple of the stride of the matcher.
          steps: of the whole run, over which the difficulty grows; None for the full one.
          **order: `seed`, `batch_size`, `start_step` and `shard`, as of `batching.pair_batches`.

        Returns:
          A dataset of `(patches, (b_from_a, positions, visible))` as from
          `matching_pairs.pair_batches`.
        """
        batch_size = order["batch_size"]

        def make(seeds: list[tf.Tensor], number: tf.Tensor, index: tf.Tensor) -> Any:
            photos = self._read(number)
            difficulty = tf.constant(1.0)
            if steps is not None:
                difficulty = matching_pairs.difficulty_at(index // batch_size, steps)
            difficulty *= tf.random.stateless_uniform([], seeds[2])
            b_from_a = matching_pairs.sample_homography(seeds[0], difficulty, size)
            photo_from_a = photos.choose_place(seeds[1], size, _SHOWN_OF_MATCHING_PATCH)
            fills = tf.unstack(tf.random.stateless_uniform([2], seeds[3]) < _SHARE_FILLED)
            patches = photos.cut(photo_from_a, geometry.invert(b_from_a), size, fills)
            positions, visible = matching_pairs.find_cells(b_from_a, size)
            visible &= photos.shown(photo_from_a, matching_pairs.cell_centers(size))
            return patches, (b_from_a, tf.where(visible[:, None], positions, 0.0), visible)

        return self._batches(make, **order)

    def _read(self, number: tf.Tensor) -> "_Photos":
        images = []
        for image in tf.unstack(self._images[number]):
            height, width = tf.unstack(self._shapes[image])
            pixels = self._pixels[self._begins[image] : self._begins[image + 1]]
            images.append(tf.reshape(pixels, [height, width, 1]))
        return _Photos(images[0], images[1], self._b_from_a[number])

    def _batches(
        self,
        make: _Make,
        *,
        seed: int,
        batch_size: int,
        start_step: int = 0,
        shard: tuple[int, int] = (0, 1),
    ) -> tf.data.Dataset:
        @tf.autograph.experimental.do_not_convert
        def make_one(index: tf.Tensor) -> Any:
            seeds = tf.unstack(tf.random.split(tf.stack([tf.cast(seed, tf.int64), index]), 4))
            return make(seeds, indexed_source.shuffled_index(index, self._count, seed), index)

        worker, workers = shard
        indices = tf.data.Dataset.range(start_step * batch_size + worker, tf.int64.max, workers)
        made = indices.map(make_one, tf.data.AUTOTUNE)
        return made.batch(batch_size // workers, drop_remainder=True).prefetch(tf.data.AUTOTUNE)


class _Photos:
    """Two photos in the graph.

    Args:
      a: uint8 `[height, width, 1]`.
      b: the same.
      b_from_a: float32 `[3, 3]`, pixels; its depth is positive for what both show.
    """

    def __init__(self, a: tf.Tensor, b: tf.Tensor, b_from_a: tf.Tensor) -> None:
        self._a, self._b, self._b_from_a = a, b, b_from_a

    def shown(self, a_from_patch: tf.Tensor, points: tf.Tensor) -> tf.Tensor:
        """Check which points, `[n, 2]`, pixels of a patch of A, lie on A and on B: bool `[n]`."""
        points_a = geometry.transform_points(a_from_patch, points)
        points_b = geometry.transform_points(self._b_from_a, points_a)
        depth = tf.linalg.matvec(points_a, self._b_from_a[2, :2]) + self._b_from_a[2, 2]
        inside = [
            warping.inside(on_photo, *tf.unstack(tf.shape(photo)[:2]))
            for on_photo, photo in ((points_a, self._a), (points_b, self._b))
        ]
        return (depth > 0.05) & inside[0] & inside[1]

    def choose_place(self, seed: tf.Tensor, size: int, enough: float, **options: Any) -> tf.Tensor:
        """Draw a place for patch A of which B shows a share, or the most of some.

        Args:
          seed: int64 `[2]`.
          size: side of the patch, in pixels.
          enough: share, 0 to 1.
          **options: of `patch_cutting.sample_crop`.

        Returns:
          `a_from_patch`, float32 `[3, 3]`, pixels.
        """
        height, width = tf.unstack(tf.shape(self._a)[:2])
        line = tf.linspace(0.0, size - 1.0, _GRID)
        grid = tf.reshape(tf.stack(tf.meshgrid(line, line), axis=-1), [-1, 2])

        seeds = tf.random.split(seed, _TRIES)

        def draw(
            tried: tf.Tensor, best: tf.Tensor, most: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            place = patch_cutting.sample_crop(seeds[tried], height, width, size, **options)
            share = tf.reduce_mean(tf.cast(self.shown(place, grid), tf.float32))
            return tried + 1, tf.where(share > most, place, best), tf.maximum(share, most)

        _, place, _ = tf.while_loop(
            lambda tried, best, most: most < enough,
            draw,
            (tf.constant(0), tf.zeros([3, 3]), tf.constant(-1.0)),
            maximum_iterations=_TRIES,
        )
        return place

    def cut(
        self,
        a_from_patch: tf.Tensor,
        patch_a_from_b: tf.Tensor,
        size: int,
        fills: Sequence[tf.Tensor],
    ) -> tf.Tensor:
        """Cut both patches.

        Args:
          a_from_patch: float32 `[3, 3]`, pixels of patch A to those of A.
          patch_a_from_b: float32 `[3, 3]`, pixels of patch B to those of patch A.
          size: side of the patches, in pixels.
          fills: of A and of B: see `patch_cutting.cut`.

        Returns:
          float32 `[size, size, 2]`, integer gray levels in 0..255.
        """
        b_from_patch = geometry.compose(
            geometry.compose(self._b_from_a, a_from_patch), patch_a_from_b
        )
        cuts = ((self._a, a_from_patch, fills[0]), (self._b, b_from_patch, fills[1]))
        patches = [
            patch_cutting.cut(photo, photo_from_patch, size, is_filled)
            for photo, photo_from_patch, is_filled in cuts
        ]
        return tf.round(tf.concat(patches, axis=-1))
