"""Keras layers that turn features of two patches into a homography: sample, correlate, fit.

Features live on a grid of cells of `stride` pixels; the centre of cell `i` is pixel
`(i + 0.5) * stride - 0.5`.
"""

import keras
import tensorflow as tf

from keras_homography import geometry, least_squares, warping

_PACKAGE = "keras_homography"
_ROUNDS = 3  # of fitting, each leaving out more of what does not agree


def cell_centres(cells, stride, margin=0):
    """Pixels of the cells' centres, float32 `[(cells + 2 margin)², 2]`, row by row."""
    grid = warping.pixel_grid(cells + 2 * margin, cells + 2 * margin) - float(margin)
    return tf.reshape((grid + 0.5) * stride - 0.5, [-1, 2])


@keras.saving.register_keras_serializable(_PACKAGE)
class StandardizePatches(keras.layers.Layer):
    """`[n, size, size, 2]`, grey levels -> two patches `[n, size, size, 1]`, each of mean 0 and
    deviation 1 (less where there is next to nothing to see)."""

    def call(self, pairs):
        centred = pairs - tf.reduce_mean(pairs, axis=[1, 2], keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=[1, 2], keepdims=True)
        return tf.split(centred * tf.math.rsqrt(variance + 25.0), 2, axis=-1)


@keras.saving.register_keras_serializable(_PACKAGE)
class UnitFeatures(keras.layers.Layer):
    """Every feature vector scaled to a length of 4, so that products are like cosines."""

    def call(self, features):
        x = tf.cast(features, tf.float32)
        square = tf.reduce_mean(tf.square(x), axis=-1, keepdims=True)
        x *= tf.math.rsqrt(square + 0.05) * 4.0 / x.shape[-1] ** 0.5
        return tf.cast(x, self.compute_dtype)


def sample_zero_outside(features, points):
    cells, channels = features.shape[1], features.shape[3]
    # A frame of zeros, and the four neighbours of every cell side by side: one gather.
    framed = tf.pad(features, [[0, 0], [1, 1], [1, 1], [0, 0]])
    side = cells + 1
    packed = tf.concat(
        [tf.slice(framed, [0, y, x, 0], [-1, side, side, -1]) for y in (0, 1) for x in (0, 1)], axis=-1
    )
    packed = tf.reshape(packed, [-1, side * side, 4 * channels])
    points = tf.clip_by_value(points + 1.0, 0.0, cells + 0.999)
    first = tf.floor(points)
    x, y = tf.unstack(points - first, axis=-1)
    index = tf.cast(first[..., 1] * side + first[..., 0], tf.int32)
    weights = tf.stack([(1.0 - x) * (1.0 - y), x * (1.0 - y), (1.0 - x) * y, x * y], axis=-1)
    count = points.shape[1]
    neighbours = tf.reshape(tf.gather(packed, index, batch_dims=1), [-1, count, 4, channels])
    return tf.reduce_sum(neighbours * tf.cast(weights, features.dtype)[..., None], axis=2)


@keras.saving.register_keras_serializable(_PACKAGE)
class SampleFeatures(keras.layers.Layer):
    """Features of A where B's cells look for them: 0 where A shows nothing.

    Inputs: features of A `[n, cells, cells, c]`; `h4pt`, float32 `[n, 4, 2]`, pixels. Output:
    `[n, cells + 2 margin, cells + 2 margin, c]`: the cells of B and a margin around them.
    """

    def __init__(self, patch_size, margin, **options):
        super().__init__(**options)
        self.patch_size, self.margin = patch_size, margin

    def call(self, features, h4pt):
        cells = features.shape[1]
        stride = self.patch_size / cells
        side = cells + 2 * self.margin
        a_from_b = geometry.matrix_from_h4pt(tf.cast(h4pt, tf.float32), self.patch_size)
        points = geometry.transform_points(a_from_b, cell_centres(cells, stride, self.margin)[None])
        points = tf.stop_gradient((points + 0.5) / stride - 0.5)
        sampled = sample_zero_outside(features, points)
        return tf.reshape(sampled, [-1, side, side, features.shape[3]])

    def get_config(self):
        return {**super().get_config(), "patch_size": self.patch_size, "margin": self.margin}


def _rows(features, first, count):
    """Some rows. Not `features[:, first:]`: on a CPU its gradient takes ten times as long."""
    return tf.slice(features, [0, first, 0, 0], [-1, count, -1, -1])


def _correlate_rows(features_b, features_a):
    """Products of every cell of B, `[n, rows, columns, c]`, with the cells of A, `[n, rows + i,
    columns + j, c]`, that are 0 to i rows and 0 to j columns further: `[n, rows, columns, (i + 1)
    (j + 1)]`."""
    rows, columns, wide = features_b.shape[1], features_b.shape[2], features_a.shape[2]
    count_y, count_x = features_a.shape[1] - rows + 1, wide - columns + 1
    # Every row of B against every row of A in reach, all columns.
    products = tf.concat(
        [
            tf.matmul(features_b, _rows(features_a, y, rows), transpose_b=True)
            for y in range(count_y)
        ],
        axis=1,
    )
    # Skew: the line of column x begins at column x of A, so that what were columns become
    # displacements (Huang et al. 2018, "Music Transformer", section 3.4).
    lines = tf.reshape(products, [-1, count_y * rows, columns * wide])
    lines = tf.pad(lines, [[0, 0], [0, 0], [0, columns]])
    lines = tf.reshape(lines, [-1, count_y * rows, columns, wide + 1])
    skewed = tf.slice(lines, [0, 0, 0, 0], [-1, -1, -1, count_x])
    skewed = tf.reshape(skewed, [-1, count_y, rows, columns, count_x])
    return tf.reshape(
        tf.transpose(skewed, [0, 2, 3, 1, 4]), [-1, rows, columns, count_y * count_x]
    )


@keras.saving.register_keras_serializable(_PACKAGE)
class Correlation(keras.layers.Layer):
    """How alike each cell of B is to A's cells around the same place.

    Inputs: features of B `[n, cells, cells, c]`; of A, with a margin: `[n, cells + 2 margin, cells
    + 2 margin, c]`. Output: `[n, cells, cells, (2 margin + 1)²]`, the products of the features for
    every displacement up to `margin` cells.
    """

    def call(self, features_b, features_a):
        return _correlate_rows(features_b, features_a)


@keras.saving.register_keras_serializable(_PACKAGE)
class BlockCorrelation(keras.layers.Layer):
    """`Correlation`, summed over blocks of 2x2 cells of B: as many displacements, a quarter of the
    work.

    Output: `[n, cells / 2, cells / 2, (2 margin + 1)²]`.
    """

    def call(self, features_b, features_a):
        blocks, wide = features_b.shape[1] // 2, features_a.shape[1]
        reach = wide - 2 * blocks + 1
        blocks_b = tf.nn.space_to_depth(features_b, 2)
        volumes = []
        for parity_y in (0, 1):  # of the displacements
            for parity_x in (0, 1):
                count_y, count_x = (reach + 1 - parity_y) // 2, (reach + 1 - parity_x) // 2
                size = [-1, 2 * (blocks + count_y - 1), 2 * (blocks + count_x - 1), -1]
                part = tf.slice(features_a, [0, parity_y, parity_x, 0], size)
                blocks_a = tf.nn.space_to_depth(part, 2)
                volumes.append(_correlate_rows(blocks_b, blocks_a))
        return tf.concat(volumes, axis=-1)


@keras.saving.register_keras_serializable(_PACKAGE)
class FitHomography(keras.layers.Layer):
    """The homography that fits a displacement for every cell, each as much as it is trusted.

    Inputs: `[n, cells, cells, 5]`, for every cell of B its displacement along x and y in cells, and
    the three elements (log of the first, second, log of the third) of the lower triangle `L` whose
    `L Lᵀ` is the displacement's information (inverse covariance): an edge knows one direction only;
    and `h4pt` `[n, 4, 2]`, pixels, relative to which they are displaced. Outputs: the new `h4pt`;
    and `matches` `[n, cells², 5]`: where each cell of B lies in A, pixels, and its `L`, per pixel.
    """

    def __init__(self, patch_size, **options):
        super().__init__(**options)
        self.patch_size = patch_size

    def call(self, displacements, h4pt=None):
        cells = displacements.shape[1]
        size, stride = float(self.patch_size), self.patch_size / cells
        points = cell_centres(cells, stride)
        raw = tf.reshape(displacements, [-1, cells * cells, 5])
        moved = stride * raw[..., :2]
        l11, l22 = (tf.exp(6.0 * tf.tanh(raw[..., i] / 6.0)) for i in (2, 4))
        l21 = raw[..., 3]

        # In units of half a patch about its centre, for the conditioning of the equations.
        x, y = tf.unstack((points - size / 2.0) / (size / 2.0), axis=-1)
        u, v = tf.unstack((points + moved - size / 2.0) / (size / 2.0), axis=-1)
        zero, one = tf.zeros_like(u), tf.ones_like(u)
        row_x = tf.stack([x * one, y * one, one, zero, zero, zero, -x * u, -y * u], axis=1)
        row_y = tf.stack([zero, zero, zero, x * one, y * one, one, -x * v, -y * v], axis=1)
        # Lᵀ times the two equations of a cell.
        first = l11[:, None] * row_x + l21[:, None] * row_y
        second = l22[:, None] * row_y
        jacobian = tf.stack([first, second], axis=2)  # [n, 8, 2, cells²]
        residual = tf.stack([l11 * (u - x) + l21 * (v - y), l22 * (v - y)], axis=1)
        trust = tf.ones_like(u)[:, None]
        for _ in range(_ROUNDS):
            step = least_squares.fit(
                tf.reshape(jacobian * trust[:, None], [-1, 8, 2 * cells * cells]),
                tf.reshape(residual * trust, [-1, 2 * cells * cells]),
                damping=1e-4,
            )
            # Student's t: what disagrees with the rest counts less.
            left = residual - tf.reduce_sum(jacobian * step[:, :, None, None], axis=1)
            squared = tf.reduce_sum(tf.square(left * (size / 2.0) / stride), axis=1, keepdims=True)
            trust = tf.stop_gradient(tf.math.rsqrt(1.0 + squared / 4.0))

        # The corners under the identity plus the step, then under the homography so far.
        corners = geometry.corners(size)
        cx, cy = tf.unstack((corners - size / 2.0) / (size / 2.0), axis=-1)
        s = [step[:, i, None] for i in range(8)]
        w = tf.maximum(1.0 + s[6] * cx + s[7] * cy, 0.2)
        new_x = ((1.0 + s[0]) * cx + s[1] * cy + s[2]) / w
        new_y = (s[3] * cx + (1.0 + s[4]) * cy + s[5]) / w
        quad = (tf.stack([new_x, new_y], axis=-1) + 1.0) * (size / 2.0)
        if h4pt is None:
            a_from_b = tf.eye(3)[None]
        else:
            a_from_b = geometry.matrix_from_h4pt(h4pt, size)
        new_h4pt = geometry.transform_points(a_from_b, quad) - corners
        new_h4pt = tf.clip_by_value(new_h4pt, -0.49 * size, 0.49 * size)
        where = geometry.transform_points(a_from_b, points + moved)
        matches = tf.concat([where, tf.stack([l11, l21, l22], axis=-1) / stride], axis=-1)
        return new_h4pt, matches

    def get_config(self):
        return {**super().get_config(), "patch_size": self.patch_size}
