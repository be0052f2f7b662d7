"""Render a color image as a sensor of the imagination would: gray, but not by our eyes' weights.

Two photos of a scene by different sensors (infrared, near infrared, radar, a map, at night) agree
in where things are and hardly in how bright they are. No such pairs are needed to learn that: two
renderings of one photo by two random sensors disagree at least as much. A random mixture of colors,
a random tone curve that need not rise, brightness that depends on color alone or on the
surroundings, shadows, blur, noise, JPEG.

All random draws are a pure function of a seed.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

_KNOTS = 6  # of a tone curve, at most
_MAX_BLUR = 12.0  # pixels, sigma
_LUMA = (0.299, 0.587, 0.114)  # of R, G, B: ITU-R BT.601


class _Draws:
    """Random draws from one seed, each of them independent."""

    def __init__(self, seed: tf.Tensor, count: int) -> None:
        self._seeds = iter(tf.unstack(tf.random.split(seed, count)))

    def seed(self) -> tf.Tensor:
        return next(self._seeds)

    def uniform(self, low: float, high: float, shape: tuple[int, ...] = ()) -> tf.Tensor:
        return tf.random.stateless_uniform(shape, self.seed(), low, high)

    def normal(self, shape: tuple[int, ...] = ()) -> tf.Tensor:
        return tf.random.stateless_normal(shape, self.seed())

    def happens(self, probability: float | tf.Tensor) -> tf.Tensor:
        return self.uniform(0.0, 1.0) < probability


def _with_probability(
    draws: _Draws,
    probability: float,
    change: Callable[[_Draws, tf.Tensor], tf.Tensor],
    image: tf.Tensor,
) -> tf.Tensor:
    """Change an image with a probability; what is not drawn is not computed."""
    inner = _Draws(draws.seed(), 8)
    return tf.cond(draws.happens(probability), lambda: change(inner, image), lambda: image)


def _stretch(image: tf.Tensor) -> tf.Tensor:
    """Map the darkest pixel to 0 and the brightest to 1."""
    low, high = tf.reduce_min(image), tf.reduce_max(image)
    return (image - low) / (high - low + 1e-6)


def _blur(image: tf.Tensor, sigma: tf.Tensor, max_sigma: float) -> tf.Tensor:
    """Blur `[height, width]` by a Gaussian; `sigma` is at most `max_sigma`."""
    radius = int(np.ceil(2.5 * max_sigma))
    x = tf.range(-radius, radius + 1, dtype=tf.float32) / tf.maximum(sigma, 1e-3)
    kernel = tf.nn.softmax(-0.5 * x * x)
    padded = tf.pad(image, [[radius, radius]] * 2, "REFLECT")[None, ..., None]
    for shape in ([-1, 1, 1, 1], [1, -1, 1, 1]):
        padded = tf.nn.conv2d(padded, tf.reshape(kernel, shape), strides=1, padding="VALID")
    return padded[0, ..., 0]


def _tone_curve(draws: _Draws, gray: tf.Tensor) -> tf.Tensor:
    """Map gray levels by a random piecewise linear curve, rising, falling or neither."""
    levels = draws.uniform(0.0, 1.0, (_KNOTS,))
    levels = tf.cond(draws.happens(0.4), lambda: tf.sort(levels), lambda: levels)
    levels = tf.cond(draws.happens(0.3), lambda: tf.reverse(levels, [0]), lambda: levels)
    pieces = tf.floor(draws.uniform(2.0, _KNOTS))  # 2 to 5
    position = tf.clip_by_value(gray, 0.0, 1.0) * pieces
    lower = tf.minimum(tf.floor(position), pieces - 1.0)
    index = tf.cast(lower, tf.int32)
    left, right = tf.gather(levels, index), tf.gather(levels, index + 1)
    return left + (right - left) * (position - lower)


def _local_mean(draws: _Draws, gray: tf.Tensor) -> tf.Tensor:
    """Remove the local mean, in part or wholly, or leave nothing else."""
    mean = _blur(gray, draws.uniform(2.0, _MAX_BLUR), _MAX_BLUR)
    removed = gray - mean * draws.uniform(0.3, 1.0)
    return tf.where(draws.happens(0.7), removed, mean)


def _edges(draws: _Draws, gray: tf.Tensor) -> tf.Tensor:
    """Leave only the length of the gradient."""
    dy, dx = tf.unstack(tf.image.image_gradients(gray[None, ..., None]))
    return tf.sqrt(dx * dx + dy * dy + 1e-8)[0, ..., 0]


def _color_regions(draws: _Draws, gray: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
    """Give each range of colors a gray level of its own, as a map or a material's reflectance."""
    colors = tf.floor(image / draws.uniform(0.16, 0.36))
    index = tf.cast(tf.reduce_sum(colors * [1.0, 7.0, 49.0], axis=-1), tf.int32) % 97
    level = tf.gather(draws.uniform(0.0, 1.0, (97,)), index)
    level = _blur(level, draws.uniform(0.5, 1.5), 1.5)
    return gray * draws.uniform(0.1, 0.6) + level * draws.uniform(0.3, 1.0)


def _plane(draws: _Draws, gray: tf.Tensor) -> tf.Tensor:
    """Draw a random direction: the coordinate along it, -1 to 1 over the image."""
    height, width = gray.shape
    angle = draws.uniform(0.0, 2.0 * np.pi)
    x = np.linspace(-1.0, 1.0, width, dtype=np.float32)
    y = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    return tf.cos(angle) * x + tf.sin(angle) * y


def _shading(draws: _Draws, gray: tf.Tensor) -> tf.Tensor:
    return gray * (1.0 + 0.6 * tf.tanh(draws.uniform(0.0, 1.0) * _plane(draws, gray)))


def _shadow(draws: _Draws, gray: tf.Tensor) -> tf.Tensor:
    """Put one side of a straight edge in shadow."""
    in_shadow = _plane(draws, gray) > draws.uniform(-0.5, 0.5)
    return tf.where(in_shadow, gray * draws.uniform(0.25, 0.7), gray)


def _light(draws: _Draws, image: tf.Tensor) -> tf.Tensor:
    """Render by our eyes' weights, with a random contrast, brightness and gamma."""
    gray = tf.linalg.matvec(image, _LUMA)
    contrast, brightness = draws.uniform(0.4, 1.6), draws.uniform(-0.2, 0.2)
    gray = tf.clip_by_value((gray - 0.5) * contrast + 0.5 + brightness, 0.0, 1.0)
    return gray ** tf.exp(draws.uniform(-0.7, 0.7))


def _sensor(draws: _Draws, image: tf.Tensor) -> tf.Tensor:
    """Render by a random mixture of colors and what random sensors do to it."""
    weights = draws.normal((3,))
    weights = tf.where(draws.happens(0.5), tf.abs(weights), weights)
    gray = _stretch(tf.linalg.matvec(image, weights))
    gray = _with_probability(draws, 0.75, _tone_curve, gray)
    gray = _with_probability(draws, 0.35, _local_mean, gray)
    gray = _with_probability(
        draws, 0.25, lambda inner, value: _color_regions(inner, value, image), gray
    )
    return _with_probability(draws, 0.15, _edges, gray)


def _compress(draws: _Draws, gray: tf.Tensor) -> tf.Tensor:
    quality = tf.cast(draws.uniform(30.0, 95.0), tf.int32)
    encoded = tf.cast(tf.clip_by_value(gray, 0.0, 255.0), tf.uint8)[..., None]
    decoded = tf.image.adjust_jpeg_quality(encoded, quality, dct_method="INTEGER_ACCURATE")
    return tf.ensure_shape(tf.cast(decoded[..., 0], tf.float32), gray.shape)


def _add_noise(draws: _Draws, gray: tf.Tensor) -> tf.Tensor:
    strength = 0.3 * draws.uniform(0.0, 1.0) ** 2
    return gray + strength * tf.math.reduce_std(gray) * draws.normal(tuple(gray.shape))


@tf.function(autograph=False)  # traced once a size, not for either patch of every pipeline
def render(seed: tf.Tensor, image: tf.Tensor, is_imagined: bool | tf.Tensor) -> tf.Tensor:
    """Render a color image by a random sensor.

    Args:
      seed: int64 `[2]`.
      image: float32 `[height, width, 3]`, RGB, 0..255, of a known size.
      is_imagined: whether the sensor is an imagined one; else it is a camera in other light.

    Returns:
      Float32 `[height, width]`, integer gray levels in 0..255.
    """
    draws = _Draws(seed, 24)
    scaled = image / 255.0
    of_sensor, of_camera = _Draws(draws.seed(), 16), _Draws(draws.seed(), 8)
    gray = tf.cond(
        is_imagined, lambda: _sensor(of_sensor, scaled), lambda: _light(of_camera, scaled)
    )
    gray = tf.ensure_shape(gray, image.shape[:2])
    gray = _with_probability(draws, 0.3, _shading, gray)
    gray = _with_probability(draws, 0.2, _shadow, gray)
    gray = _with_probability(
        draws, 0.4, lambda inner, value: _blur(value, inner.uniform(0.4, 1.8), 1.8), gray
    )
    gray = _with_probability(draws, 0.6, _add_noise, gray)
    contrast, brightness = draws.uniform(25.0, 70.0), draws.uniform(90.0, 165.0)
    gray = (gray - tf.reduce_mean(gray)) / (tf.math.reduce_std(gray) + 1e-3)
    gray = brightness + contrast * gray
    gray = _with_probability(draws, 0.3, _compress, gray)
    return tf.round(tf.clip_by_value(gray, 0.0, 255.0))
