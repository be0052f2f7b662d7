"""Lucas–Kanade: a homography made exact to a few thousandths of a pixel by the gray levels.

Gauss–Newton on the difference of the patches, coarse to fine, in the form of Malis 2004 (efficient
second-order minimization: the mean of both patches' gradients), on the pixels that carry the most
gradient. With the geometry it fits a tone curve, a polynomial from the gray levels of A to those of
B, so that light and gamma may differ; weights that fall to nothing leave out what is hidden or
saturated. The gray levels are compared as they are: at the truth, bilinear samples of A are exactly
what a bilinear camera saw in B, and any smoothing would blur that.
"""

import math

import keras
import numpy as np
import tensorflow as tf

from keras_homography import geometry
from keras_homography.layers import least_squares, tflite_ops

_MID_GRAY = 127.5
_TONES = 3  # elements of the tone curve: 1, z, z²
_DAMPING = 1e-5
# Gray levels: what rounding alone leaves over, and the span in which a camera still counts.
_LEAST_SCALE, _DARKEST, _BRIGHTEST = 1.0, 1.0, 254.0
# The share of B that A shows below which agreement proves less and less: corners that move by a
# quarter of the patch leave more.
_LEAST_OVERLAP = 0.65


def _planes(patch):
    """Gray levels and central differences along x and y, `[n, 3, size * size]`, of a patch, `[n, 1,
    size * size]`: planes, as phones are slow at interleaved channels. 0 where a pixel lacks a
    neighbor."""
    pixels = patch.shape[2]
    size = math.isqrt(pixels)
    inner = np.pad(np.ones([size - 2, size - 2], np.float32), 1).reshape([1, 1, pixels])

    def difference(step):
        count = pixels - 2 * step
        before, after = (tf.slice(patch, [0, 0, at], [-1, 1, count]) for at in (0, 2 * step))
        return inner * tf.pad(0.5 * (after - before), [[0, 0], [0, 0], [step, step]])

    return tf.concat([patch, difference(1), difference(size)], axis=1)


class _Level:
    """Both patches at one size: A to be sampled, and the pixels of B that are looked at: of every
    block of pixels the one with the most gradient.

    Places are in units of half a patch about its center, so that a homography is the same at every
    size, and its elements are about 1. The outermost pixels have no gradient and are left out.
    """

    def __init__(self, pairs, block):
        size = pairs.shape[1]
        self.half = size / 2.0
        patches = tf.transpose(tf.reshape(pairs, [-1, size * size, 2]), [0, 2, 1])
        planes_a, planes_b = (_planes(patch) for patch in tflite_ops.split(patches))
        _, gradient_x, gradient_y = tflite_ops.split(planes_b)
        strength = tf.reshape(tf.square(gradient_x) + tf.square(gradient_y), [-1, size, size, 1])
        best = tf.argmax(tf.nn.space_to_depth(strength, block), axis=-1, output_type=tf.int32)
        # The place of the best pixel of every block, from its number within the block.
        blocks = size // block
        corner = block * np.arange(blocks, dtype=np.int32)
        row, column = corner[:, None] + best // block, corner + best % block
        index = tf.reshape(row * size + column, [-1, blocks**2])
        chosen = tf.gather(planes_b, index, axis=2, batch_dims=1)
        self.b, gradient_x, gradient_y = tflite_ops.split(chosen)
        self.gradient_x, self.gradient_y = gradient_x * self.half, gradient_y * self.half
        self.x, self.y = (
            tf.reshape(tf.cast(part, tf.float32), [-1, 1, blocks**2]) * (1.0 / self.half)
            + (0.5 / self.half - 1.0)
            for part in (column, row)
        )
        self._places = tflite_ops.join([self.x, self.y, tf.ones_like(self.x)])
        # All that a bilinear sample of A needs side by side: one gather reads it.
        neighbors, count = (0, 1, size, size + 1), size * size - size - 1
        around = tflite_ops.join(
            [tf.slice(planes_a, [0, 0, at], [-1, -1, count]) for at in neighbors]
        )
        self._around, self._size = tf.transpose(around, [0, 2, 1]), size

    def sample(self, a_from_b):
        """A as B should show it.

        Args:
          a_from_b: `[n, 3, 3]`, in units of half a patch.

        Returns:
          `(gray, gradient_x, gradient_y, seen)`, each `[n, 1, pixels]`: the gradient is that of the
          warped A, per half patch of B; `seen` is 1 where A shows the pixel, else 0.
        """
        u, v, depth = tflite_ops.split(tf.matmul(a_from_b, self._places))
        shrink = 1.0 / tf.maximum(depth, 0.1)
        u, v = u * shrink, v * shrink
        column, row = (part * self.half + (self.half - 0.5) for part in (u, v))
        # Between pixels that have a gradient.
        first, last = 1.0, self._size - 2.0 - 1e-3
        column_seen = tf.clip_by_value(column, first, last)
        row_seen = tf.clip_by_value(row, first, last)
        missed = tf.abs(column - column_seen) + tf.abs(row - row_seen)
        seen = tf.nn.relu(1.0 - missed / 1e-2)
        left, top = tf.floor(column_seen), tf.floor(row_seen)
        count = self._places.shape[2]
        index = tf.cast(tf.reshape(top * self._size + left, [-1, count]), tf.int32)
        # Where the equations had no solution: TFLite stops at what is not a number.
        index = tf.clip_by_value(index, 0, self._around.shape[1] - 1)
        around = tf.gather(self._around, index, batch_dims=1)
        top_left, top_right, bottom_left, bottom_right = tf.split(
            tf.transpose(around, [0, 2, 1]), 4, axis=1
        )
        x, y = column_seen - left, row_seen - top
        above = top_left + x * (top_right - top_left)
        below = bottom_left + x * (bottom_right - bottom_left)
        gray, along_u, along_v = tflite_ops.split(above + y * (below - above))
        # The chain rule: how u and v change with x and y.
        elements = tflite_ops.split(tf.reshape(a_from_b, [-1, 9, 1]))
        along_u, along_v = along_u * shrink * self.half, along_v * shrink * self.half
        along_depth = u * along_u + v * along_v
        gradient_x, gradient_y = (
            along_u * elements[i] + along_v * elements[i + 3] - along_depth * elements[i + 6]
            for i in (0, 1)
        )
        return gray, gradient_x, gradient_y, seen


def _geometric_mean(values, weights):
    """Over pixels, `[n, 1, 1]`: a hidden quarter of the patch moves it little, and unlike a median
    it needs no sorting."""
    total = tf.reduce_sum(weights * tf.math.log(values), axis=2, keepdims=True)
    return tf.exp(total / (tf.reduce_sum(weights, axis=2, keepdims=True) + 1.0))


def _weights(residual, usable):
    """Geman–McClure weights for residuals `[n, 1, pixels]`, 0 where not usable."""
    scale = tf.maximum(2.0 * _geometric_mean(tf.abs(residual) + 0.1, usable), _LEAST_SCALE)
    root = 1.0 / (1.0 + tf.square(residual / scale) / 9.0)
    return usable * root * root


def _unsaturated(gray):
    """1 for a gray level that a camera measured, 0 for black and white, where it only gave up."""
    return tf.clip_by_value(tf.minimum(gray - _DARKEST, _BRIGHTEST - gray), 0.0, 1.0)


class _Comparison:
    """B against A under a homography and a tone curve."""

    def __init__(self, level, a_from_b, tone):
        self._level, self._tone = level, tflite_ops.split(tone)
        gray, self._gradient_x, self._gradient_y, seen = level.sample(a_from_b)
        self._z = (gray - _MID_GRAY) / _MID_GRAY
        self._basis = [tf.ones_like(gray), self._z, self._z * self._z]
        self._difference = level.b - gray
        t = self._tone
        residual = self._difference - (t[0] + self._z * (t[1] + self._z * t[2]))
        self._residual = residual
        self._seen, self._usable = seen, seen * _unsaturated(gray) * _unsaturated(level.b)
        self.weights = _weights(residual, self._usable)

    def fit_tone(self):
        """The tone curve alone that explains the difference best, `[n, 3, 1]`."""
        root = tf.sqrt(self.weights)
        return least_squares.fit(tflite_ops.join([*self._basis, self._difference]) * root, 1e-4)

    def fit(self):
        """The steps of the geometry, `[n, 8, 1]`, and the tone curve, `[n, 3, 1]`, that together
        explain the difference best."""
        level, root = self._level, tf.sqrt(self.weights)
        slope = 0.5 + (0.5 * self._tone[1] + self._tone[2] * self._z) / _MID_GRAY
        gradient_x = root * (0.5 * level.gradient_x + slope * self._gradient_x)
        gradient_y = root * (0.5 * level.gradient_y + slope * self._gradient_y)
        x, y = level.x, level.y
        radial = -1.0 * (x * gradient_x + y * gradient_y)
        # In units in which all elements of the solution are about as large.
        tones = [root * (_MID_GRAY * element) for element in self._basis]
        equations = tflite_ops.join(
            [
                *(x * gradient_x, y * gradient_x, gradient_x),
                *(x * gradient_y, y * gradient_y, gradient_y),
                *(x * radial, y * radial),
                *tones,
                root * self._difference,
            ]
        )
        solution = least_squares.fit(equations, _DAMPING)
        step = tf.slice(solution, [0, 0, 0], [-1, 8, -1])
        return step, _MID_GRAY * tf.slice(solution, [0, 8, 0], [-1, _TONES, -1])

    def disagreement(self):
        """How far apart the patches still look, in pixels, `[n, 1, 1]`: what is left over, in gray
        levels, over the gradient, in gray levels a pixel; more where A shows little of B, as a few
        pixels agree by chance."""
        level, half = self._level, self._level.half
        length = tf.sqrt(tf.square(level.gradient_x) + tf.square(level.gradient_y)) / half
        apart = _geometric_mean((tf.abs(self._residual) + 1.0) / (length + 1.0), self._usable)
        most = (1.0 - 1.5 / half) ** 2  # the outermost pixels have no gradient
        overlap = tf.reduce_mean(self._seen, axis=2, keepdims=True) / (most * _LEAST_OVERLAP)
        return apart / tf.square(tf.clip_by_value(overlap, 0.1, 1.0))


@keras.saving.register_keras_serializable("keras_homography")
class LucasKanade(keras.layers.Layer):
    """Refines `h4pt`, where it helps.

    Inputs: pairs, float32 `[n, size, size, 2]`, gray levels in 0..255; `h4pt`, float32 `[n, 4, 2]`,
    pixels, a few pixels from the truth at most. Outputs: the refined `h4pt`, or the given one where
    the patches agree better with that; `disagreement`, float32 `[n]`, how far apart the patches
    look before the last step, in pixels: mostly below 0.4 where the answer is right; and `moved`,
    float32 `[n]`, what the last step moves, in pixels: next to nothing where it has arrived.
    Differentiable in both inputs.
    """

    def __init__(self, steps=((2, 4), (1, 3)), block=2, **options):
        """Args: `steps`, `(how many times smaller, how often)` from coarse to fine; `block`, of
        pixels of which the one with the most gradient is looked at."""
        super().__init__(**options)
        self.steps, self.block = tuple(map(tuple, steps)), block

    def call(self, pairs, h4pt):
        size = pairs.shape[1]
        units_from_pixels, pixels_from_units = geometry.normalization(size)
        a_from_b = units_from_pixels @ geometry.matrix_from_h4pt(h4pt, size) @ pixels_from_units
        tone = tf.zeros_like(a_from_b[:, :, :1])
        first = None
        for shrink, count in self.steps:
            smaller = tf.nn.avg_pool2d(pairs, shrink, shrink, "VALID") if shrink > 1 else pairs
            level = _Level(smaller, self.block)
            if first is None:
                # Gray levels first, with the geometry as it is; twice, to leave out what is hidden.
                first = level
                tone = _Comparison(level, a_from_b, tone).fit_tone()
                before = _Comparison(level, a_from_b, tone)
                tone = before.fit_tone()
            for _ in range(count):
                comparison = _Comparison(level, a_from_b, tone)
                step, tone = comparison.fit()
                a_from_b = geometry.move(a_from_b, step)
        after = _Comparison(first, a_from_b, tone)
        in_pixels = pixels_from_units @ a_from_b @ units_from_pixels
        refined = geometry.h4pt_from_matrix(in_pixels, size)
        start = before.disagreement()
        better = after.disagreement() <= 1.05 * start  # a start that is right need not become so
        disagreement = tf.where(better, comparison.disagreement(), self.steps[0][0] * start)
        squared = tf.reduce_sum(tf.square(step), axis=[1, 2]) + 1e-12  # its root has a gradient
        moved = 0.5 * size * tf.sqrt(squared)
        return tf.where(better, refined, h4pt), disagreement[:, 0, 0], moved

    def get_config(self):
        return {**super().get_config(), "steps": self.steps, "block": self.block}


def attach(model, **options):
    """A model with refinement behind it.

    Args:
      model: a functional `keras.Model` of pairs whose first output is `h4pt`.
      **options: of `LucasKanade`.

    Returns:
      A functional `keras.Model` of the same input and outputs.
    """
    h4pt, *others = model.outputs
    refined, *_ = LucasKanade(dtype="float32", name="refinement", **options)(model.input, h4pt)
    outputs = [refined, *others] if others else refined
    return keras.Model(model.input, outputs, name=f"{model.name}_refined")
