"""Pairs to train the matcher: two renderings of one image under a random homography, in the graph.

The homography has the range of handheld cameras, not that of a patch's corners: rotation, scale,
tilt and perspective. How far it goes grows with `difficulty`, from 0 to 1: with the full range from
the first step a matcher does not begin to learn.

Pair `i` is a pure function of the seed and of `i`.
"""

import math

import tensorflow as tf

from keras_homography import geometry
from keras_homography.data import batching, imagined_sensors, patch_cutting
from keras_homography.data.sources import ImageSource
from keras_homography.geometry import warping
from keras_homography.models import matcher_grid

# At difficulty 1.
_MAX_ROTATION = math.pi / 4.0
_MAX_OCTAVES = 2.0  # of scale: a quarter to four times
_MAX_TILT = 1.0 / math.cos(math.radians(70.0))  # of lengths along and across
_MAX_PERSPECTIVE = 0.8  # change of depth over the patch
_MAX_SHIFT = 0.3  # of the patch's side
SHARE_OF_SENSORS, _SHARE_OF_OCCLUSIONS = 0.7, 0.3

_EASIEST, _CURRICULUM_BEGIN, _CURRICULUM_END = 0.2, 0.03, 0.5  # difficulty; shares of the run


def difficulty_at(step: tf.Tensor, steps: int) -> tf.Tensor:
    """Compute the difficulty of a step of training: it grows over the first half of the run.

    Args:
      step: int64 scalar.
      steps: of the whole run.

    Returns:
      Float32 scalar, 0.2 to 1.
    """
    progress = tf.cast(step, tf.float32) / steps
    share = (progress - _CURRICULUM_BEGIN) / (_CURRICULUM_END - _CURRICULUM_BEGIN)
    return _EASIEST + (1.0 - _EASIEST) * tf.clip_by_value(share, 0.0, 1.0)


def cell_centers(size: int) -> tf.Tensor:
    """Return the centers of the coarse cells of an image, row by row: float32 `[cells², 2]`."""
    cells = size // matcher_grid.COARSE_STRIDE
    grid = tf.reshape(warping.pixel_grid(cells, cells), [cells * cells, 2])
    return (grid + 0.5) * matcher_grid.COARSE_STRIDE - 0.5


def find_cells(b_from_a: tf.Tensor, size: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Find where in patch B the coarse cells of patch A are.

    Args:
      b_from_a: float32 `[3, 3]`, pixels.
      size: side of the patches, in pixels.

    Returns:
      `(positions, visible)`: float32 `[cells², 2]`, pixels of B; bool `[cells²]`, whether the
      center of a cell lies on B, and in front of its camera.
    """
    centers = cell_centers(size)
    positions = geometry.transform_points(b_from_a, centers)
    depth = tf.linalg.matvec(centers, b_from_a[2, :2]) + b_from_a[2, 2]
    return positions, (depth > 0.05) & warping.inside(positions, size, size)


def sample_homography(seed: tf.Tensor, difficulty: tf.Tensor, size: int) -> tf.Tensor:
    """Draw the homography between two patches.

    Args:
      seed: int64 `[2]`.
      difficulty: float32 scalar, 0 to 1.
      size: side of the patches, in pixels.

    Returns:
      `b_from_a`, float32 `[3, 3]`, pixels. At difficulty 1: rotation up to 45 degrees, scale 1/4 to
      4, tilt to 70 degrees in any direction, small ones more often.
    """
    draws = tf.unstack(tf.random.stateless_uniform([8], seed, -1.0, 1.0))
    angle = difficulty * _MAX_ROTATION * draws[0]
    scale = 2.0 ** (difficulty * _MAX_OCTAVES * draws[1] * tf.abs(draws[1]))
    tilt = _MAX_TILT ** (0.5 * difficulty * draws[2] * tf.abs(draws[2]))
    direction = math.pi * draws[3]
    rotation = _rotation(angle + direction)
    affine = scale * rotation @ tf.linalg.diag([tilt, 1.0 / tilt]) @ _rotation(-direction)
    shift = size * _MAX_SHIFT * tf.stack(draws[4:6])
    perspective = difficulty * _MAX_PERSPECTIVE / size * tf.stack(draws[6:8])
    matrix = tf.concat(
        [
            tf.concat([affine, shift[:, None]], axis=1),
            tf.concat([perspective, [1.0]], axis=0)[None],
        ],
        axis=0,
    )
    center = tf.fill([2], (size - 1.0) / 2.0)
    return geometry.compose(
        geometry.compose(geometry.translation(center), matrix), geometry.translation(-center)
    )


def make_pair(
    seed: tf.Tensor,
    image: tf.Tensor,
    other_image: tf.Tensor,
    difficulty: tf.Tensor,
    size: int,
    share_of_sensors: float = SHARE_OF_SENSORS,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Make one pair of an image.

    Args:
      seed: int64 `[2]`.
      image: uint8 `[height, width, 3]`, RGB.
      other_image: the same, to occlude a part of B.
      difficulty: float32 scalar, 0 to 1.
      size: side of the patches, in pixels, a multiple of the stride of the matcher.
      share_of_sensors: share of the pairs, at difficulty 1, that are rendered by imagined sensors;
        proportionally less at a lower one. The others are rendered by cameras in other light.

    Returns:
      `(patches, b_from_a, positions, visible)`: float32 `[size, size, 2]`, gray levels in 0..255, A
      and B; float32 `[3, 3]`, pixels; float32 `[cells², 2]`, where in B the centers of A's coarse
      cells are, pixels; bool `[cells²]`, which of them B shows.
    """
    seeds = tf.unstack(tf.random.split(seed, 8))
    height, width = image.shape[:2]
    # Small motions more often than large ones: the estimator also looks at turned, tilted and
    # smaller views, and after a first answer at images that are nearly aligned.
    b_from_a = sample_homography(seeds[0], difficulty * _uniform(seeds[7]), size)
    image_from_a = patch_cutting.sample_crop(seeds[1], height, width, size)
    image_from_b = geometry.compose(image_from_a, geometry.invert(b_from_a))

    is_imagined = _uniform(seeds[2]) < share_of_sensors * difficulty
    patches, fills = [], tf.random.stateless_uniform([2], seeds[3]) < 0.4
    for place, image_from_patch in enumerate((image_from_a, image_from_b)):
        patches.append(patch_cutting.cut(image, image_from_patch, size, fills[place]))
    occluded, patches[1] = _occlude(seeds[4], patches[1], other_image, difficulty)
    rendered = [
        imagined_sensors.render(seed_of_patch, patch, is_imagined)
        for seed_of_patch, patch in zip(seeds[5:7], patches, strict=True)
    ]

    positions, visible = find_cells(b_from_a, size)
    centers = cell_centers(size)
    visible &= warping.inside(geometry.transform_points(image_from_a, centers), height, width)
    positions = tf.where(visible[:, None], positions, 0.0)
    nearest = tf.cast(tf.round(positions), tf.int32)
    visible &= ~tf.gather_nd(occluded, nearest[:, ::-1])
    return tf.stack(rendered, axis=-1), b_from_a, positions, visible


def pair_batches(
    source: ImageSource,
    size: int,
    *,
    seed: int,
    batch_size: int,
    steps: int | None = None,
    difficulty: float = 1.0,
    start_step: int = 0,
    pairs_per_image: int = 1,
    share_of_sensors: float = SHARE_OF_SENSORS,
    shard: tuple[int, int] = (0, 1),
) -> tf.data.Dataset:
    """Return batches of pairs to train the matcher on.

    Args:
      source: of color images, from `sources.open_source(..., channels=3)`.
      size: side of the patches, in pixels.
      seed: of the order of the images and of the pairs.
      batch_size: pairs in a batch, over all workers.
      steps: of the whole run, over which the difficulty grows; None for pairs of one difficulty.
      difficulty: 0 to 1, where `steps` is None.
      start_step: number of the first batch.
      pairs_per_image: how many pairs to make of an image once it is decoded.
      share_of_sensors: see `make_pair`.
      shard: `(index, count)`: which of how many workers this is; count divides batch_size.

    Returns:
      A dataset of `(patches, (b_from_a, positions, visible))`: see `make_pair`, batches first.
    """
    batches = batching.image_batches(
        source,
        seed=seed,
        batch_size=batch_size,
        start_step=start_step,
        pairs_per_image=pairs_per_image,
        shard=shard,
        with_next=True,
    )
    cells = (size // matcher_grid.COARSE_STRIDE) ** 2

    @tf.autograph.experimental.do_not_convert
    def make(
        images_and_next: tf.Tensor, indices: tf.Tensor
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor, tf.Tensor]]:
        def make_one(
            element: tuple[tf.Tensor, tf.Tensor],
        ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
            images, index = element
            seed_of_pair = tf.stack([tf.cast(seed, tf.int64), index])
            step = index // batch_size
            reached = tf.constant(difficulty) if steps is None else difficulty_at(step, steps)
            return make_pair(seed_of_pair, images[0], images[1], reached, size, share_of_sensors)

        patches, b_from_a, positions, visible = tf.map_fn(
            make_one,
            (images_and_next, indices),
            fn_output_signature=(
                tf.TensorSpec([size, size, 2], tf.float32),
                tf.TensorSpec([3, 3], tf.float32),
                tf.TensorSpec([cells, 2], tf.float32),
                tf.TensorSpec([cells], tf.bool),
            ),
        )
        return patches, (b_from_a, positions, visible)

    return batches.map(make, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def validation_batches(
    source: ImageSource, size: int, count: int, share_of_sensors: float = SHARE_OF_SENSORS
) -> tf.data.Dataset:
    """Return the first pairs of the validation sequence: of difficulty 1, the same in every run.

    Args:
      source: of color images.
      size: side of the patches, in pixels.
      count: how many pairs.
      share_of_sensors: see `make_pair`.

    Returns:
      A finite dataset as from `pair_batches`.
    """
    batches = pair_batches(
        source,
        size,
        seed=batching.VALIDATION_SEED,
        batch_size=1,
        share_of_sensors=share_of_sensors,
    )
    return batches.unbatch().take(count).batch(64)


def _uniform(seed: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_uniform([], seed)


def _rotation(angle: tf.Tensor) -> tf.Tensor:
    cosine, sine = tf.cos(angle), tf.sin(angle)
    return tf.stack([tf.stack([cosine, -sine]), tf.stack([sine, cosine])])


def _occlude(
    seed: tf.Tensor, patch: tf.Tensor, other_image: tf.Tensor, difficulty: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Occlude a rectangle of a patch by a part of another image, in some of the pairs.

    Returns:
      `(occluded, patch)`: bool `[size, size]`, and the patch.
    """
    size = patch.shape[0]
    seeds = tf.unstack(tf.random.split(seed, 4))
    happens = _uniform(seeds[0]) < _SHARE_OF_OCCLUSIONS * difficulty
    sides = tf.random.stateless_uniform([2], seeds[1], 0.25, 0.7)
    begin = tf.random.stateless_uniform([2], seeds[2]) * (1.0 - sides)
    line = (tf.range(size, dtype=tf.float32) + 0.5) / size
    rows, columns = ((line > begin[i]) & (line < begin[i] + sides[i]) for i in (0, 1))
    occluded = happens & rows[:, None] & columns[None, :]
    occluder = tf.image.stateless_random_crop(other_image, [size, size, 3], seeds[3])
    return occluded, tf.where(occluded[..., None], tf.cast(occluder, tf.float32), patch)
