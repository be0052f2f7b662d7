"""What a camera and a scene do to the patches of a pair: light, blur, noise, compression, cover.

    distort = distortions.make("photometric")
    patches = distortions.apply(distort, seed, indices, patches, other_photos)

Everything random is a pure function of a seed and the number of the pair, so a pair is the same
whatever the batch size, the order or the number of threads, eagerly and in `tf.data`. The draws do
not depend on the strength: a stronger distortion is the same one, further from nothing.
"""

import math
from collections.abc import Callable

import tensorflow as tf

from keras_homography.data import distortion_names
from keras_homography.data.distortion_names import MAX_STRENGTH as MAX_STRENGTH
from keras_homography.data.distortion_names import NAMES as NAMES

_MID_GRAY = 127.5
_WHITE = 255.0
# Of one pair: `(seed, patches, other_image) -> patches`, see `get_distortion`.
Distortion = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def _uniform(seed, low, high):
    """A number in [low, high), float32 scalar."""
    return tf.random.stateless_uniform([], seed, float(low), float(high))


def _gaussian_blur(patch, sigma, max_sigma):
    """`cv2.GaussianBlur` of a patch `[size, size]`; `sigma` is a scalar tensor up to a number."""
    radius = min(math.ceil(3.0 * max_sigma), patch.shape[0] - 1)  # the most that can be reflected
    x = tf.range(-radius, radius + 1, dtype=tf.float32) / tf.maximum(sigma, 1e-3)
    kernel = tf.exp(-0.5 * x * x)
    kernel /= tf.reduce_sum(kernel)
    padded = tf.pad(patch, [[radius, radius]] * 2, "REFLECT")[None, ..., None]
    for shape in ([-1, 1, 1, 1], [1, -1, 1, 1]):
        padded = tf.nn.conv2d(padded, tf.reshape(kernel, shape), strides=1, padding="VALID")
    return padded[0, ..., 0]


def _add_noise(patch, sigma, seed):
    return patch + sigma * tf.random.stateless_normal(tf.shape(patch), seed)


def _store(patch):
    """Whole gray levels in 0..255, float32, as a camera stores them."""
    return tf.round(tf.clip_by_value(patch, 0.0, _WHITE))


def _compress(patch, quality):
    """A patch `[size, size]` of whole gray levels after JPEG of a quality, int32 in 1..100."""
    encoded = tf.raw_ops.EncodeJpegVariableQuality(
        images=tf.cast(patch, tf.uint8)[..., None], quality=quality
    )
    # The accurate transform: the faster ones differ between machines.
    decoded = tf.io.decode_jpeg(encoded, channels=1, dct_method="INTEGER_ACCURATE")
    return tf.ensure_shape(tf.cast(decoded[..., 0], tf.float32), patch.shape)


def _photometric(seed, patch, strength, max_strength=None):
    """Contrast 0.6..1.4 about mid-gray, brightness +-0.125 of the range, gamma e^+-0.4, blur of
    sigma 0..1 px, Gaussian noise of sigma 0..8, JPEG of quality 40..94, in this order."""
    seeds = tf.unstack(tf.random.split(seed, 7))
    patch = (patch - _MID_GRAY) * (1.0 + strength * _uniform(seeds[0], -0.4, 0.4)) + _MID_GRAY
    patch += strength * _WHITE * _uniform(seeds[1], -0.125, 0.125)
    gamma = tf.exp(strength * _uniform(seeds[2], -0.4, 0.4))
    patch = _WHITE * (tf.clip_by_value(patch, 0.0, _WHITE) / _WHITE) ** gamma
    patch = _gaussian_blur(patch, strength * _uniform(seeds[3], 0, 1), max_strength or strength)
    patch = _add_noise(patch, strength * _uniform(seeds[4], 0, 8), seeds[5])
    quality = 100.0 - strength * _uniform(seeds[6], 6, 60)
    return _compress(_store(patch), tf.cast(tf.maximum(tf.round(quality), 5.0), tf.int32))


def _noise(seed, patch, strength):
    """The noise of `photometric` alone: Gaussian, sigma 0..8 gray levels."""
    seed_of_sigma, seed_of_pixels = tf.unstack(tf.random.split(seed))
    return _add_noise(patch, strength * _uniform(seed_of_sigma, 0, 8), seed_of_pixels)


def _blur(seed, patch, strength):
    """The blur of `photometric` alone: Gaussian, sigma 0..1 px."""
    return _gaussian_blur(patch, strength * _uniform(seed, 0, 1), strength)


def _low_light(seed, patch, strength):
    """One to three stops too dark (strength multiplies the stops), with the shot noise of a sensor
    that counts four electrons a gray level, and read noise of one gray level."""
    seed_of_stops, seed_of_pixels = tf.unstack(tf.random.split(seed))
    dark = patch * 2.0 ** (-strength * _uniform(seed_of_stops, 1, 3))
    return _add_noise(dark, tf.sqrt(dark / 4.0 + 1.0), seed_of_pixels)


def _occlusion(seed, patches, other_photo, strength):
    """A rectangle of B, sides 3/8..1/2 of the patch, that shows a part of another photo. Strength
    multiplies its area."""
    size = patches.shape[0]
    seeds = tf.unstack(tf.random.split(seed, 3))
    share = tf.sqrt(strength) * tf.random.stateless_uniform([2], seeds[0], 3 / 8, 1 / 2)
    sides = tf.cast(tf.round(size * share), tf.int32)

    def corner(seed, room):
        share = tf.random.stateless_uniform([2], seed)
        return tf.minimum(room, tf.cast(share * tf.cast(room + 1, tf.float32), tf.int32))

    top_left = corner(seeds[1], size - sides)
    rows = tf.range(size)[:, None]
    columns = tf.range(size)[None, :]
    hidden = (rows >= top_left[0]) & (rows < top_left[0] + sides[0])
    hidden &= (columns >= top_left[1]) & (columns < top_left[1] + sides[1])
    y, x = tf.unstack(corner(seeds[2], tf.shape(other_photo)[:2] - size))
    cover = tf.cast(other_photo[y : y + size, x : x + size, 0], tf.float32)
    return tf.stack([patches[..., 0], tf.where(hidden, cover, patches[..., 1])], axis=-1)


def _mixed(seed, patches, other_photo, strength):
    """What training needs: half of the pairs under `photometric`, four in ten under `occlusion`,
    each of a random strength, so that easy pairs stay and the hardest are harder than the default
    level."""
    seeds = tf.unstack(tf.random.split(seed, 4))
    chances = tf.random.stateless_uniform([4], seeds[0])
    light, cover = 1.25 * strength * chances[2], 0.1 + 1.4 * strength * chances[3]
    channels = [
        tf.cond(
            chances[0] < 0.5,
            lambda patch=patch, seed=seed: _store(
                _photometric(seed, patch, light, 1.25 * strength)
            ),
            lambda patch=patch: patch,
        )
        for patch, seed in zip(tf.unstack(patches, axis=-1), seeds[1:3], strict=True)
    ]
    patches = tf.stack(channels, axis=-1)
    return tf.cond(
        chances[1] < 0.4,
        lambda: _occlusion(seeds[3], patches, other_photo, cover),
        lambda: patches,
    )


_OF_EACH_PATCH = {
    "photometric": _photometric,
    "noise": _noise,
    "blur": _blur,
    "low_light": _low_light,
}


def get_distortion(name, strength=1.0):
    """A distortion by its name.

    Args:
      name: "photometric" (contrast 0.6..1.4 about mid-gray, brightness +-0.125 of the range, gamma
        e^+-0.4, Gaussian blur of sigma 0..1 px, Gaussian noise of sigma 0..8 gray levels, JPEG of
        quality 40..94, in this order), "noise" or "blur" (that part of it alone), "low_light" (one
        to three stops too dark, with shot noise), each drawn for A and B independently;
        "occlusion" (a rectangle of B, sides 3/8..1/2 of the patch, shows another photo); or
        "mixed", for training ("photometric" for half of the pairs, "occlusion" for four in ten,
        each of a random strength up to 1.25 and 1.5).
      strength: above 0, up to `MAX_STRENGTH`; 1 is what is written above. It multiplies how far
        every range reaches from no effect (JPEG: from quality 100, at least 5; "occlusion": the
        area).

    Returns:
      A function of one pair, `(seed, patches, other_photo) -> patches`: int64 `[2]`; float32
      `[size, size, 2]`, gray levels in 0..255, channel 0 patch A, channel 1 patch B; a photo to
      cover with, uint8 or float32 `[height, width, 1]`, at least as large as the patch -> float32
      `[size, size, 2]`, whole gray levels in 0..255.

    Raises:
      ValueError: there is no such distortion, or the strength is out of its range.
    """
    distortion_names.check(name, strength)

    def distort(seed, patches, other_photo):
        # A seed per distortion: two in a row must not draw the same numbers.
        seed = tf.random.fold_in(tf.cast(seed, tf.int64), tf.constant(NAMES.index(name), tf.int64))
        if name == "mixed":
            return _mixed(seed, patches, other_photo, strength)
        if name == "occlusion":
            return _occlusion(seed, patches, other_photo, strength)
        distort_patch = _OF_EACH_PATCH[name]
        distorted = [
            _store(distort_patch(seed_of_patch, patches[..., channel], strength))
            for channel, seed_of_patch in enumerate(tf.unstack(tf.random.split(seed)))
        ]
        return tf.stack(distorted, axis=-1)

    return distort


def apply(distort, seed, indices, patches, other_photos):
    """Distorts every pair of a batch.

    Args:
      distort: a function of one pair, of `make`.
      seed: int64 scalar, of the whole sequence.
      indices: int64 `[n]`, the numbers of the pairs in it.
      patches: float32 `[n, size, size, 2]`, gray levels in 0..255.
      other_photos: uint8 or float32 `[n, height, width, 1]`, to cover with.

    Returns:
      float32 `[n, size, size, 2]`, whole gray levels in 0..255.
    """

    def distort_one(arguments):
        index, pair, other_photo = arguments
        return distort(tf.stack([tf.cast(seed, tf.int64), index]), pair, other_photo)

    return tf.map_fn(
        distort_one,
        (tf.cast(indices, tf.int64), patches, other_photos),
        fn_output_signature=tf.TensorSpec(patches.shape[1:], tf.float32),
    )
