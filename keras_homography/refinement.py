"""Lucas–Kanade: a homography made exact to a few thousandths of a pixel by the grey levels.

Gauss–Newton on the difference of the patches, coarse to fine, in the form of Malis 2004 (efficient
second-order minimisation: the mean of both patches' gradients), on the pixels that carry the most
gradient. With the geometry it fits a tone curve, a polynomial from the grey levels of A to those of
B, so that light and gamma may differ; weights that fall to nothing leave out what is hidden or
saturated. The grey levels are compared as they are: at the truth, bilinear samples of A are exactly
what a bilinear camera saw in B, and any smoothing would blur that.
"""

import keras
import numpy as np
import tensorflow as tf

from keras_homography import geometry, least_squares

_MID_GREY = 127.5
_TONES = 3  # elements of the tone curve: 1, z, z²
_DAMPING = 1e-5
# Grey levels: what rounding alone leaves over, and the span in which a camera still counts.
_LEAST_SCALE, _DARKEST, _BRIGHTEST = 1.0, 1.0, 254.0


# Grey level and central differences along x and y.
_LOOK = np.zeros([3, 3, 3], np.float32)
_LOOK[1, 1, 0] = 1.0
_LOOK[1, 2, 1] = _LOOK[2, 1, 2] = 0.5
_LOOK[1, 0, 1] = _LOOK[0, 1, 2] = -0.5
# The same at the four pixels around a place between pixels, side by side, as one convolution: one
# gather then reads all that a bilinear sample needs.
_LOOK_AROUND = np.zeros([4, 4, 4, 3], np.float32)
for _number, (_row, _column) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
    _LOOK_AROUND[_row : _row + 3, _column : _column + 3, _number] = _LOOK


class _Level:
    """Both patches at one size: A to be sampled, and the pixels of B that are looked at: of every
    block of pixels the one with the most gradient.

    Places are in units of half a patch about its centre, so that a homography is the same at every
    size, and its elements are about 1. The outermost pixels have no gradient and are left out.
    """

    def __init__(self, patch_a, patch_b, block):
        size = patch_b.shape[1]
        self._half, inner = size / 2.0, size - 2
        seen = tf.nn.conv2d(patch_b, _LOOK[:, :, None], 1, "VALID")
        padded = tf.pad(seen, [[0, 0], [1, 1], [1, 1], [0, 0]])
        strength = tf.reduce_sum(tf.square(padded), axis=-1, keepdims=True)
        strength -= tf.square(padded[..., :1])
        blocks = size // block
        best = tf.argmax(tf.nn.space_to_depth(strength, block), axis=-1, output_type=tf.int32)
        # The place of the best pixel of every block, from its number within the block.
        corner = block * np.arange(blocks, dtype=np.int32)
        row = tf.reshape(corner[:, None] + best // block, [-1, blocks**2])
        column = tf.reshape(corner + best % block, [-1, blocks**2])
        flat = tf.reshape(padded, [-1, size * size, 3])
        chosen = tf.gather(flat, row * size + column, batch_dims=1)
        self.b, gradient_x, gradient_y = tf.unstack(tf.transpose(chosen, [2, 0, 1]), num=3)
        self.gradient_x, self.gradient_y = gradient_x * self._half, gradient_y * self._half
        self.x = (tf.cast(column, tf.float32) + 0.5) / self._half - 1.0
        self.y = (tf.cast(row, tf.float32) + 0.5) / self._half - 1.0
        self._side = inner - 1
        around = tf.nn.conv2d(patch_a, _LOOK_AROUND.reshape([4, 4, 1, 12]), 1, "VALID")
        self._around = tf.reshape(around, [-1, self._side**2, 12])

    def sample(self, a_from_b):
        """A as B should show it.

        Args:
          a_from_b: `[n, 3, 3]`, in units of half a patch.

        Returns:
          `(grey, gradient_x, gradient_y, seen)`, each `[n, pixels]`: the gradient is that of the
          warped A, per half patch of B; `seen` is 1 where A shows the pixel, else 0.
        """
        m = [a_from_b[:, i, j, None] for i in range(3) for j in range(3)]
        depth = tf.maximum(m[6] * self.x + m[7] * self.y + m[8], 0.1)
        u = (m[0] * self.x + m[1] * self.y + m[2]) / depth
        v = (m[3] * self.x + m[4] * self.y + m[5]) / depth
        # From the first pixel that has a gradient.
        column, row = (u + 1.0) * self._half - 1.5, (v + 1.0) * self._half - 1.5
        last = float(self._side)
        seen = (column >= 0.0) & (column <= last) & (row >= 0.0) & (row <= last)
        column = tf.clip_by_value(column, 0.0, last - 1e-3)
        row = tf.clip_by_value(row, 0.0, last - 1e-3)
        left, top = tf.floor(column), tf.floor(row)
        index = tf.cast(top * last + left, tf.int32)
        around = tf.transpose(tf.gather(self._around, index, batch_dims=1), [2, 0, 1])
        top_left, top_right, bottom_left, bottom_right = tf.split(around, 4)
        x, y = column - left, row - top
        above = top_left + x * (top_right - top_left)
        below = bottom_left + x * (bottom_right - bottom_left)
        grey, along_u, along_v = tf.unstack(above + y * (below - above), num=3)
        along_u, along_v = along_u * self._half / depth, along_v * self._half / depth
        gradient_x = along_u * (m[0] - u * m[6]) + along_v * (m[3] - v * m[6])
        gradient_y = along_u * (m[1] - u * m[7]) + along_v * (m[4] - v * m[7])
        return grey, gradient_x, gradient_y, tf.cast(seen, tf.float32)


def _weights(residual, usable):
    """Geman–McClure weights for residuals `[n, pixels]`, 0 where not usable, and their scale.

    The scale is the geometric mean of the residuals, which a hidden quarter of the patch moves
    little and which, unlike a median, needs no sorting.
    """
    count = tf.reduce_sum(usable, axis=1, keepdims=True) + 1.0
    logarithms = usable * tf.math.log(tf.abs(residual) + 0.1)
    scale = 2.0 * tf.exp(tf.reduce_sum(logarithms, axis=1, keepdims=True) / count)
    scale = tf.maximum(scale, _LEAST_SCALE)
    return usable / tf.square(1.0 + tf.square(residual / scale) / 9.0), scale


class _Comparison:
    """B against A under a homography and a tone curve."""

    def __init__(self, level, a_from_b, tone):
        self._level = level
        grey, self._gradient_x, self._gradient_y, seen = level.sample(a_from_b)
        self._z = (grey - _MID_GREY) / _MID_GREY
        self.basis = tf.stack([tf.ones_like(grey), self._z, tf.square(self._z)], axis=1)
        self.difference = level.b - grey
        self._tone = tone
        residual = self.difference - tf.reduce_sum(self.basis * tone[..., None], axis=1)
        unsaturated = (grey > _DARKEST) & (grey < _BRIGHTEST)
        unsaturated &= (level.b > _DARKEST) & (level.b < _BRIGHTEST)
        self.seen = seen
        self.weights, self.scale = _weights(residual, seen * tf.cast(unsaturated, tf.float32))

    def fit_tone(self):
        """The tone curve alone that explains the difference best."""
        root = tf.sqrt(self.weights)
        return least_squares.fit(self.basis * root[:, None], self.difference * root, 1e-4)

    def fit(self):
        """The step of the geometry and the tone curve that explain the difference best."""
        level, root = self._level, tf.sqrt(self.weights)
        slope = 1.0 + (self._tone[:, 1:2] + 2.0 * self._tone[:, 2:] * self._z) / _MID_GREY
        gradient_x = 0.5 * (level.gradient_x + slope * self._gradient_x)
        gradient_y = 0.5 * (level.gradient_y + slope * self._gradient_y)
        x, y = level.x, level.y
        radial = x * gradient_x + y * gradient_y
        geometry_part = tf.stack(
            [
                x * gradient_x,
                y * gradient_x,
                gradient_x,
                x * gradient_y,
                y * gradient_y,
                gradient_y,
                -x * radial,
                -y * radial,
            ],
            axis=1,
        )
        # In units in which all elements of the solution are about as large.
        jacobian = tf.concat([geometry_part, _MID_GREY * self.basis], axis=1) * root[:, None]
        solution = least_squares.fit(jacobian, self.difference * root, _DAMPING)
        return solution[:, :8], solution[:, 8:] * _MID_GREY

    def quality(self):
        """The share of B's pixels that agree with A, `[n]`, from 0 to 1."""
        return tf.reduce_mean(self.weights, axis=1)


def _compose(a_from_b, step):
    """`a_from_b` after B has moved by a step of eight elements, last element 1."""
    s = tf.unstack(step, axis=1)
    one = tf.ones_like(s[0])
    moved = tf.stack([one + s[0], s[1], s[2], s[3], one + s[4], s[5], s[6], s[7], one], axis=1)
    return geometry.compose(a_from_b, tf.reshape(moved, [-1, 3, 3]))


@keras.saving.register_keras_serializable("keras_homography")
class LucasKanade(keras.layers.Layer):
    """Refines `h4pt`, where it helps.

    Inputs: pairs, float32 `[n, size, size, 2]`, grey levels in 0..255; `h4pt`, float32 `[n, 4, 2]`,
    pixels, a few pixels from the truth at most. Outputs: the refined `h4pt`, or the given one where
    the patches differ less with that; and `quality`, float32 `[n]`, the share of B's pixels
    that agree with A, from 0 to 1. Differentiable in both inputs.
    """

    def __init__(self, steps=((2, 2), (1, 3)), block=2, **options):
        """Args: `steps`, `(how many times smaller, how often)` from coarse to fine; `block`, of
        pixels of which the one with the most gradient is looked at."""
        super().__init__(**options)
        self.steps, self.block = tuple(map(tuple, steps)), block

    def call(self, pairs, h4pt):
        size = pairs.shape[1]
        half = size / 2.0
        # Pixel `x` is `(x + 0.5) / half - 1`: the centre of a patch stays where it is at all sizes.
        from_pixels = tf.constant(
            [[1 / half, 0, 0.5 / half - 1], [0, 1 / half, 0.5 / half - 1], [0, 0, 1]], tf.float32
        )
        to_pixels = tf.constant(
            [[half, 0, half - 0.5], [0, half, half - 0.5], [0, 0, 1]], tf.float32
        )
        start = from_pixels @ geometry.matrix_from_h4pt(h4pt, size) @ to_pixels
        a_from_b = start
        tone = tf.zeros_like(h4pt[:, 0, :1]) * tf.zeros([1, _TONES])
        first = None
        for shrink, count in self.steps:
            smaller = tf.nn.avg_pool2d(pairs, shrink, shrink, "VALID") if shrink > 1 else pairs
            level = _Level(smaller[..., :1], smaller[..., 1:], self.block)
            if first is None:
                # Grey levels first, with the geometry as it is; twice, to leave out what is hidden.
                first = level
                for _ in range(2):
                    tone = _Comparison(level, a_from_b, tone).fit_tone()
                before = _Comparison(level, a_from_b, tone)
            for _ in range(count):
                step, tone = _Comparison(level, a_from_b, tone).fit()
                a_from_b = _compose(a_from_b, step)
        after = _Comparison(first, a_from_b, tone)
        refined = geometry.h4pt_from_matrix(to_pixels @ a_from_b @ from_pixels, size)
        better = after.scale <= 1.05 * before.scale
        refined = tf.where(better[..., None], refined, h4pt)
        return refined, tf.where(better[:, 0], after.quality(), before.quality())

    def get_config(self):
        return {**super().get_config(), "steps": self.steps, "block": self.block}


def attach(model, **options):
    """A model with refinement behind it.

    Args:
      model: a functional `keras.Model` of pairs whose output is `h4pt`.
      **options: of `LucasKanade`.

    Returns:
      A functional `keras.Model` of the same input and output.
    """
    refined, _ = LucasKanade(dtype="float32", name="refinement", **options)(
        model.input, model.output
    )
    return keras.Model(model.input, refined, name=f"{model.name}_refined")
