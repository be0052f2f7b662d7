"""Distort the patches of a pair as cameras and scenes do: light, blur, noise, JPEG, occlusion.

    distort = distortions.get_distortion("photometric")
    patches = distortions.apply(distort, seed, indices, patches, other_images)

All random draws are a pure function of a seed and the number of the pair, so a pair is the same
whatever the batch size, the order or the number of threads, eagerly and in `tf.data`. The draws do
not depend on the strength: it only multiplies how far they move the patches from undistorted ones.
"""

import math
from collections.abc import Callable

import tensorflow as tf

from keras_homography.data import distortion_names

# Of one pair: `(seed, patches, other_image) -> patches`, see `get_distortion`.
Distortion = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]

_MID_GRAY = 127.5
_WHITE = 255.0


def _uniform(seed: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """Draw a number in [low, high), float32 scalar."""
    return tf.random.stateless_uniform([], seed, float(low), float(high))


def _gaussian_blur(patch: tf.Tensor, sigma: tf.Tensor, max_sigma: float) -> tf.Tensor:
    """Blur a patch `[size, size]` as `cv2.GaussianBlur` does; `sigma` is at most `max_sigma`."""
    radius = min(math.ceil(3.0 * max_sigma), patch.shape[0] - 1)  # more cannot be reflected
    x = tf.range(-radius, radius + 1, dtype=tf.float32) / tf.maximum(sigma, 1e-3)
    kernel = tf.exp(-0.5 * x * x)
    kernel /= tf.reduce_sum(kernel)
    padded = tf.pad(patch, [[radius, radius]] * 2, "REFLECT")[None, ..., None]
    for shape in ([-1, 1, 1, 1], [1, -1, 1, 1]):
        padded = tf.nn.conv2d(padded, tf.reshape(kernel, shape), strides=1, padding="VALID")
    return padded[0, ..., 0]


def _add_noise(patch: tf.Tensor, sigma: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return patch + sigma * tf.random.stateless_normal(tf.shape(patch), seed)


def _quantize(patch: tf.Tensor) -> tf.Tensor:
    """Round to integer gray levels in 0..255, float32, as a camera stores them."""
    return tf.round(tf.clip_by_value(patch, 0.0, _WHITE))


def _compress(patch: tf.Tensor, quality: tf.Tensor) -> tf.Tensor:
    """Compress a patch `[size, size]` of integer gray levels as JPEG of a quality, 1..100."""
    # The accurate transform: the faster ones differ between machines.
    decoded = tf.image.adjust_jpeg_quality(
        tf.cast(patch, tf.uint8)[..., None], quality, dct_method="INTEGER_ACCURATE"
    )
    return tf.ensure_shape(tf.cast(decoded[..., 0], tf.float32), patch.shape)


def _photometric(
    seed: tf.Tensor, patch: tf.Tensor, strength: float | tf.Tensor, max_strength: float
) -> tf.Tensor:
    """Change light and camera.

    In this order: contrast 0.6..1.4 about mid-gray, brightness +-0.125 of the range, gamma
    e^+-0.4, Gaussian blur of sigma 0..1 px, Gaussian noise of sigma 0..8 gray levels, JPEG of
    quality 40..94.
    """
    seeds = tf.unstack(tf.random.split(seed, 7))
    patch = (patch - _MID_GRAY) * (1.0 + strength * _uniform(seeds[0], -0.4, 0.4)) + _MID_GRAY
    patch += strength * _WHITE * _uniform(seeds[1], -0.125, 0.125)
    gamma = tf.exp(strength * _uniform(seeds[2], -0.4, 0.4))
    patch = _WHITE * (tf.clip_by_value(patch, 0.0, _WHITE) / _WHITE) ** gamma
    patch = _gaussian_blur(patch, strength * _uniform(seeds[3], 0, 1), max_strength)
    patch = _add_noise(patch, strength * _uniform(seeds[4], 0, 8), seeds[5])
    quality = 100.0 - strength * _uniform(seeds[6], 6, 60)
    return _compress(_quantize(patch), tf.cast(tf.maximum(tf.round(quality), 5.0), tf.int32))


def _noise(seed: tf.Tensor, patch: tf.Tensor, strength: float) -> tf.Tensor:
    """Add the noise of `photometric`: Gaussian, sigma 0..8 gray levels."""
    seed_of_sigma, seed_of_pixels = tf.unstack(tf.random.split(seed))
    return _add_noise(patch, strength * _uniform(seed_of_sigma, 0, 8), seed_of_pixels)


def _blur(seed: tf.Tensor, patch: tf.Tensor, strength: float) -> tf.Tensor:
    """Blur as `photometric` does: Gaussian, sigma 0..1 px."""
    return _gaussian_blur(patch, strength * _uniform(seed, 0, 1), strength)


def _low_light(seed: tf.Tensor, patch: tf.Tensor, strength: float) -> tf.Tensor:
    """Underexpose by one to three stops (strength multiplies the stops) and add a sensor's noise.

    The shot noise is that of four electrons a gray level, the read noise one gray level.
    """
    seed_of_stops, seed_of_pixels = tf.unstack(tf.random.split(seed))
    dark = patch * 2.0 ** (-strength * _uniform(seed_of_stops, 1, 3))
    return _add_noise(dark, tf.sqrt(dark / 4.0 + 1.0), seed_of_pixels)


def _uniform_corner(seed: tf.Tensor, limit: tf.Tensor) -> tf.Tensor:
    """Draw `(y, x)` between (0, 0) and a limit, both included: int32 `[2]`."""
    share = tf.random.stateless_uniform([2], seed)
    return tf.minimum(limit, tf.cast(share * tf.cast(limit + 1, tf.float32), tf.int32))


def _occlusion(
    seed: tf.Tensor, patches: tf.Tensor, other_image: tf.Tensor, strength: float | tf.Tensor
) -> tf.Tensor:
    """Occlude a rectangle of B by a part of another image.

    Its sides are 3/8..1/2 of the patch; strength multiplies its area.
    """
    size = patches.shape[0]
    seeds = tf.unstack(tf.random.split(seed, 3))
    share = tf.sqrt(strength) * tf.random.stateless_uniform([2], seeds[0], 3 / 8, 1 / 2)
    sides = tf.cast(tf.round(size * share), tf.int32)

    top_left = _uniform_corner(seeds[1], size - sides)
    rows = tf.range(size)[:, None]
    columns = tf.range(size)[None, :]
    occluded = (rows >= top_left[0]) & (rows < top_left[0] + sides[0])
    occluded &= (columns >= top_left[1]) & (columns < top_left[1] + sides[1])
    y, x = tf.unstack(_uniform_corner(seeds[2], tf.shape(other_image)[:2] - size))
    occluder = tf.cast(other_image[y : y + size, x : x + size, 0], tf.float32)
    return tf.stack([patches[..., 0], tf.where(occluded, occluder, patches[..., 1])], axis=-1)


def _mixed(
    seed: tf.Tensor, patches: tf.Tensor, other_image: tf.Tensor, strength: float
) -> tf.Tensor:
    """Distort as for training: half of the pairs by `photometric`, four in ten by `occlusion`.

    The strength of each is random, up to 1.25 and 1.5, so that easy pairs remain and the hardest
    are harder than at the default strength.
    """
    seeds = tf.unstack(tf.random.split(seed, 4))
    draws = tf.random.stateless_uniform([4], seeds[0])
    max_light = 1.25 * strength
    light, area = max_light * draws[2], 0.1 + 1.4 * strength * draws[3]
    channels = [
        tf.cond(
            draws[0] < 0.5,
            lambda patch=patch, seed=seed: _quantize(_photometric(seed, patch, light, max_light)),
            lambda patch=patch: patch,
        )
        for patch, seed in zip(tf.unstack(patches, axis=-1), seeds[1:3], strict=True)
    ]
    patches = tf.stack(channels, axis=-1)
    return tf.cond(
        draws[1] < 0.4,
        lambda: _occlusion(seeds[3], patches, other_image, area),
        lambda: patches,
    )


# Distortions of single patches, drawn for A and B independently.
_OF_PATCHES: dict[str, Callable[[tf.Tensor, tf.Tensor, float], tf.Tensor]] = {
    "photometric": lambda seed, patch, strength: _photometric(seed, patch, strength, strength),
    "noise": _noise,
    "blur": _blur,
    "low_light": _low_light,
}
# Distortions of pairs.
_OF_PAIRS: dict[str, Callable[[tf.Tensor, tf.Tensor, tf.Tensor, float], tf.Tensor]] = {
    "occlusion": _occlusion,
    "mixed": _mixed,
}


def get_distortion(name: str, strength: float = 1.0) -> Distortion:
    """Return a distortion by its name.

    Args:
      name: of `distortion_names.NAMES`; the README of this folder defines each of them.
      strength: above 0, up to `distortion_names.MAX_STRENGTH`; 1 is the level of the definitions.
        It multiplies how far every range reaches from no effect (JPEG: from quality 100, at least
        5; "occlusion": the area).

    Returns:
      A function of one pair, `(seed, patches, other_image) -> patches`: int64 `[2]`; float32
      `[size, size, 2]`, gray levels in 0..255, channel 0 patch A, channel 1 patch B; an image to
      occlude with, uint8 or float32 `[height, width, 1]`, at least as large as the patch ->
      float32 `[size, size, 2]`, integer gray levels in 0..255.

    Raises:
      UserError: there is no such distortion, or the strength is out of its range.
    """
    distortion_names.check(name, strength)
    number = distortion_names.NAMES.index(name)

    def distort(seed: tf.Tensor, patches: tf.Tensor, other_image: tf.Tensor) -> tf.Tensor:
        # A seed per distortion: two in a row must not draw the same numbers.
        seed = tf.random.fold_in(tf.cast(seed, tf.int64), tf.constant(number, tf.int64))
        if name in _OF_PAIRS:
            return _OF_PAIRS[name](seed, patches, other_image, strength)
        distorted = [
            _quantize(_OF_PATCHES[name](seed_of_patch, patches[..., channel], strength))
            for channel, seed_of_patch in enumerate(tf.unstack(tf.random.split(seed)))
        ]
        return tf.stack(distorted, axis=-1)

    return distort


def apply(
    distort: Distortion,
    seed: int | tf.Tensor,
    indices: tf.Tensor,
    patches: tf.Tensor,
    other_images: tf.Tensor,
) -> tf.Tensor:
    """Distort every pair of a batch.

    Args:
      distort: a function of one pair, from `get_distortion`.
      seed: int64 scalar, of the whole sequence.
      indices: int64 `[n]`, the numbers of the pairs in it.
      patches: float32 `[n, size, size, 2]`, gray levels in 0..255.
      other_images: uint8 or float32 `[n, height, width, 1]`, to occlude with.

    Returns:
      Float32 `[n, size, size, 2]`, integer gray levels in 0..255.
    """

    def distort_one(arguments: tuple[tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
        index, pair, other_image = arguments
        return distort(tf.stack([tf.cast(seed, tf.int64), index]), pair, other_image)

    return tf.map_fn(
        distort_one,
        (tf.cast(indices, tf.int64), patches, other_images),
        fn_output_signature=tf.TensorSpec(patches.shape[1:], tf.float32),
    )
