"""Lucas–Kanade: sub-pixel refinement of a homography by the grey levels themselves."""

import keras
import numpy as np
import tensorflow as tf

from keras_homography import geometry, least_squares, matching

_PACKAGE = "keras_homography"


def _gradient_kernel(sigma):
    """Derivatives of a Gaussian along x and y: `[size, size, 1, 2]`, per pixel."""
    radius = int(np.ceil(2.5 * sigma))
    x = np.arange(-radius, radius + 1)
    gaussian = np.exp(-0.5 * (x / sigma) ** 2)
    gaussian /= gaussian.sum()
    derivative = x * gaussian
    derivative /= (derivative * x).sum()
    kernels = [np.outer(gaussian, derivative), np.outer(derivative, gaussian)]
    return np.stack(kernels, axis=-1)[:, :, None, :].astype(np.float32)


def _neighbours(images):
    """The four neighbours of every place between pixels, `[n, (size - 1)², 4]`."""
    side = images.shape[1] - 1
    parts = [tf.slice(images, [0, y, x, 0], [-1, side, side, 1]) for y in (0, 1) for x in (0, 1)]
    return tf.reshape(tf.concat(parts, axis=-1), [-1, side * side, 4])


class Level:
    """One size of both patches, and the pixels of B that are looked at."""

    def __init__(self, patch_a, patch_b, block, sigma):
        size = patch_b.shape[1]
        self.size = size
        kernel = _gradient_kernel(sigma)
        radius = kernel.shape[0] // 2
        padded = tf.pad(patch_b, [[0, 0], [radius] * 2, [radius] * 2, [0, 0]], "SYMMETRIC")
        gradient = tf.nn.conv2d(padded, kernel, 1, "VALID")
        strength = tf.reduce_sum(tf.square(gradient), axis=-1, keepdims=True)
        grid = np.stack(np.meshgrid(np.arange(size), np.arange(size)), -1)[None].astype(np.float32)
        grid = tf.zeros_like(gradient) + grid
        values = tf.concat([patch_b, gradient, grid], axis=-1)
        if block > 1:
            blocks, area = size // block, block * block
            strengths = tf.reshape(tf.nn.space_to_depth(strength, block), [-1, blocks * blocks, area])
            best = tf.one_hot(tf.argmax(strengths, axis=-1, output_type=tf.int32), area)
            values = tf.reshape(tf.nn.space_to_depth(values, block), [-1, blocks * blocks, area, 5])
            values = tf.reduce_sum(values * best[..., None], axis=2)
        else:
            values = tf.reshape(values, [-1, size * size, 5])
        self.b, gx, gy, x, y = tf.unstack(values, axis=-1)
        self.points = tf.stack([x, y], axis=-1)
        # Coordinates in [-1, 1]; derivatives by the eight elements of the update.
        half = size / 2.0
        x, y = (x + 0.5 - half) / half, (y + 0.5 - half) / half
        radial = x * gx + y * gy
        self.jacobian = half * tf.stack(
            [x * gx, y * gx, gx, x * gy, y * gy, gy, -x * radial, -y * radial], axis=-1
        )
        self.a = _neighbours(patch_a)

    def sample(self, matrix):
        """A where the homography of normalised coordinates says, and whether it is inside."""
        half = self.size / 2.0
        level_from_normal = tf.constant([[half, 0, half - 0.5], [0, half, half - 0.5], [0, 0, 1]], tf.float32)
        normal_from_level = tf.constant(np.linalg.inv(level_from_normal.numpy() if hasattr(level_from_normal,'numpy') else None)) if False else tf.constant([[1 / half, 0, (0.5 - half) / half], [0, 1 / half, (0.5 - half) / half], [0, 0, 1]], tf.float32)
        a_from_b = level_from_normal @ matrix @ normal_from_level
        points = geometry.transform_points(a_from_b, self.points)
        limit = self.size - 1.0
        inside = tf.cast(tf.reduce_all((points >= 0.0) & (points <= limit), axis=-1), tf.float32)
        points = tf.clip_by_value(points, 0.0, limit - 1e-3)
        first = tf.floor(points)
        x, y = tf.unstack(points - first, axis=-1)
        index = tf.cast(first[..., 1] * limit + first[..., 0], tf.int32)
        a00, a10, a01, a11 = tf.unstack(tf.gather(self.a, index, batch_dims=1), axis=-1)
        top, bottom = a00 + x * (a10 - a00), a01 + x * (a11 - a01)
        return top + y * (bottom - top), inside


def _tone_basis(a, tones):
    z = (a - 127.5) / 127.5
    return tf.stack([z**k for k in range(tones)], axis=-1)


def weight_of(name, r, scale):
    s = tf.square(r / scale)
    if name == "tukey":
        return tf.square(tf.maximum(1.0 - s / 4.685**2, 0.0))
    if name == "geman":
        return 1.0 / tf.square(1.0 + s / 9.0)
    if name == "cauchy":
        return 1.0 / (1.0 + s / 5.7)
    if name == "huber":
        return tf.minimum(1.0, 1.345 / tf.sqrt(s + 1e-6))
    return tf.ones_like(r)


def refine(pairs, h4pt, steps=((64, 2, 2), (128, 2, 3)), tones=3, sigma=0.8, weights="geman", damping=1e-5, min_scale=1.0, scale_factor=1.0, pre=0.0):
    """`steps`: (size, block, count)."""
    size = pairs.shape[1]
    matrix = geometry.matrix_from_h4pt(h4pt, size)
    half = size / 2.0
    p = tf.constant([[half, 0, half], [0, half, half], [0, 0, 1]], tf.float32)
    q = tf.constant([[1 / half, 0, -1.0], [0, 1 / half, -1.0], [0, 0, 1]], tf.float32)
    # Corners are at (0, 0) and (P, P), pixels' centres half a pixel further in resized images.
    shift = tf.constant([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]], tf.float32)
    unshift = tf.constant([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]], tf.float32)
    matrix = q @ shift @ matrix @ unshift @ p
    pre_pairs = pairs
    for level_size, block, count in steps:
        factor = size // level_size
        small = tf.nn.avg_pool2d(pre_pairs, factor, factor, "VALID") if factor > 1 else pre_pairs
        level = Level(small[..., :1], small[..., 1:], block, sigma)
        tone = None
        for _ in range(count):
            a, inside = level.sample(matrix)
            basis = _tone_basis(a, tones) if tones else None
            difference = a - level.b
            unsaturated = tf.cast((a > 1.0) & (a < 254.0) & (level.b > 1.0) & (level.b < 254.0), tf.float32)
            mask = inside * unsaturated
            if tones and tone is None:
                # Grey levels first, with the geometry as it is; twice, to leave out what is hidden.
                tone = tf.zeros([tf.shape(pairs)[0], tones])
                for _ in range(2):
                    r = difference + tf.reduce_sum(basis * tone[:, None, :], -1)
                    scale = tf.exp(tf.reduce_sum(mask * tf.math.log(tf.abs(r) + 0.5), 1, keepdims=True) / (tf.reduce_sum(mask, 1, keepdims=True) + 1.0)) * 2.0
                    w = tf.sqrt(mask * weight_of(weights, r, tf.maximum(scale, min_scale)))
                    tone = least_squares.fit(basis * w[..., None], -difference * w, 1e-4)
            r = difference + (tf.reduce_sum(basis * tone[:, None, :], -1) if tones else 0.0)
            scale = tf.exp(tf.reduce_sum(mask * tf.math.log(tf.abs(r) + 0.1), 1, keepdims=True) / (tf.reduce_sum(mask, 1, keepdims=True) + 1.0)) * 2.0 * scale_factor
            w = tf.sqrt(mask * weight_of(weights, r, tf.maximum(scale, min_scale)))
            # gradient . step - basis . tone = a - b
            jac = tf.concat([level.jacobian, 0.5*127.5*basis], -1) if tones else level.jacobian
            solution = least_squares.fit(jac * w[..., None], -difference * w, damping)
            s = [solution[:, i] for i in range(8)]
            if tones:
                tone = solution[:, 8:] * 0.5 * 127.5
            one = tf.ones_like(s[0])
            update = tf.stack([tf.stack([1 + s[0], s[1], s[2]], -1), tf.stack([s[3], 1 + s[4], s[5]], -1), tf.stack([s[6], s[7], one], -1)], -2)
            matrix = geometry.compose(matrix, update)
    back = shift_back = unshift @ p @ matrix @ q @ shift
    return geometry.h4pt_from_matrix(back, size), scale[:, 0]
