"""Keras layers that turn features of two patches into a homography: sample, correlate, fit.

Features live on a grid of cells of `stride` pixels; the centre of cell `i` is pixel
`(i + 0.5) * stride - 0.5`.
"""

import keras
import numpy as np
import tensorflow as tf

from keras_homography import geometry, least_squares, rows

_PACKAGE = "keras_homography"
_ROUNDS = 3  # of fitting, each leaving out more of what does not agree


def cell_centres(cells, stride, margin=0):
    """Pixels of the cells' centres, numpy float32 `[(cells + 2 margin)², 2]`, row by row."""
    line = (np.arange(-margin, cells + margin, dtype=np.float32) + 0.5) * stride - 0.5
    return np.stack(np.meshgrid(line, line), axis=-1).reshape([-1, 2])


@keras.saving.register_keras_serializable(_PACKAGE)
class StandardizePatches(keras.layers.Layer):
    """`[n, size, size, 2]`, grey levels -> two patches `[n, size, size, 1]`, each of mean 0 and
    deviation 1 (less where there is next to nothing to see)."""

    def call(self, pairs):
        size = pairs.shape[1]
        # Channels first: TFLite is slow at means over the middle of a tensor.
        patches = tf.transpose(tf.reshape(pairs, [-1, size * size, 2]), [0, 2, 1])
        centred = patches - tf.reduce_mean(patches, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        standard = tf.split(centred * tf.math.rsqrt(variance + 25.0), 2, axis=1)
        return [tf.reshape(patch, [-1, size, size, 1]) for patch in standard]


@keras.saving.register_keras_serializable(_PACKAGE)
class UnitFeatures(keras.layers.Layer):
    """Every feature vector scaled to a length of 4, so that products are like cosines."""

    def call(self, features):
        x = tf.cast(features, tf.float32)
        square = tf.reduce_mean(tf.square(x), axis=-1, keepdims=True)
        x *= tf.math.rsqrt(square + 0.05) * 4.0 / x.shape[-1] ** 0.5
        return tf.cast(x, self.compute_dtype)


def units_of_cells(cells, margin=0):
    """The cells' centres in units of half a patch: numpy float32 `[3, (cells + 2 margin)²]`, rows
    of x, y and 1."""
    line = (np.arange(-margin, cells + margin) + 0.5) * 2.0 / cells - 1.0
    x, y = (part.ravel() for part in np.meshgrid(line, line))
    return np.stack([x, y, np.ones_like(x)]).astype(np.float32)


def _transform(a_from_b, points):
    """Points `[3, m]` or `[n, 3, m]` through `[n, 3, 3]`: rows of u and v, each `[n, 1, m]`."""
    u, v, depth = rows.split(tf.matmul(a_from_b, points + tf.zeros_like(a_from_b[:, :, :1])))
    depth = tf.maximum(depth, 0.05)  # behind the camera nothing is seen
    return u / depth, v / depth


@keras.saving.register_keras_serializable(_PACKAGE)
class SampleFeatures(keras.layers.Layer):
    """Features of A where B's cells look for them: 0 where A shows nothing.

    Inputs: features of A `[n, cells, cells, c]`; `a_from_b`, float32 `[n, 3, 3]`, in units of half
    a patch. Output: `[n, cells + 2 margin, cells + 2 margin, c]`: the cells of B and a margin
    around them. Differentiable in the features alone: each stage answers for its own step.
    """

    def __init__(self, margin, **options):
        super().__init__(**options)
        self.margin = margin

    def call(self, features, a_from_b):
        cells, channels = features.shape[1], features.shape[3]
        wide, side = cells + 2 * self.margin, cells + 1
        u, v = _transform(tf.stop_gradient(a_from_b), units_of_cells(cells, self.margin))
        # A frame of zeros around, and the four neighbours of every place side by side: one gather.
        framed = tf.pad(features, [[0, 0], [1, 1], [1, 1], [0, 0]])
        packed = tf.concat(
            [tf.slice(framed, [0, y, x, 0], [-1, side, side, -1]) for y in (0, 1) for x in (0, 1)],
            axis=-1,
        )
        packed = tf.reshape(packed, [-1, side * side, 4 * channels])
        column = tf.clip_by_value((u + 1.0) * cells / 2.0 + 0.5, 0.0, cells + 0.999)
        row = tf.clip_by_value((v + 1.0) * cells / 2.0 + 0.5, 0.0, cells + 0.999)
        left, top = tf.floor(column), tf.floor(row)
        index = tf.cast(tf.reshape(top * side + left, [-1, wide * wide]), tf.int32)
        # Where a fit had no solution: TFLite stops at what is not a number.
        index = tf.clip_by_value(index, 0, side * side - 1)
        x, y = (tf.reshape(part, [-1, wide * wide, 1]) for part in (column - left, row - top))
        x, y = tf.cast(x, features.dtype), tf.cast(y, features.dtype)
        neighbours = tf.gather(packed, index, batch_dims=1)
        top_left, top_right, bottom_left, bottom_right = tf.split(neighbours, 4, axis=-1)
        above = top_left + x * (top_right - top_left)
        below = bottom_left + x * (bottom_right - bottom_left)
        return tf.reshape(above + y * (below - above), [-1, wide, wide, channels])

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}


def _lines(features, first, count):
    """Some rows. Not `features[:, first:]`: on a CPU its gradient takes ten times as long."""
    return tf.slice(features, [0, first, 0, 0], [-1, count, -1, -1])


def _correlate_rows(features_b, features_a):
    """Products of every cell of B, `[n, rows, columns, c]`, with the cells of A, `[n, rows + i,
    columns + j, c]`, that are 0 to i rows and 0 to j columns further: `[n, rows, columns, (i + 1)
    (j + 1)]`."""
    lines_of_b, columns, wide = features_b.shape[1], features_b.shape[2], features_a.shape[2]
    count_y, count_x = features_a.shape[1] - lines_of_b + 1, wide - columns + 1
    # Every line of A in reach, all columns, against the line of B: one matrix product a line of B.
    windows = rows.join([_lines(features_a, y, lines_of_b) for y in range(count_y)], axis=2)
    products = tf.matmul(features_b, windows, transpose_b=True)
    products = tf.reshape(products, [-1, lines_of_b, columns, count_y, wide])
    products = tf.reshape(
        tf.transpose(products, [0, 1, 3, 2, 4]), [-1, lines_of_b * count_y, columns * wide]
    )
    # Skew: the line of column x begins at column x of A, so that what were columns become
    # displacements (Huang et al. 2018, "Music Transformer", section 3.4).
    skewed = tf.pad(products, [[0, 0], [0, 0], [0, columns]])
    skewed = tf.reshape(skewed, [-1, lines_of_b * count_y, columns, wide + 1])
    skewed = tf.slice(skewed, [0, 0, 0, 0], [-1, -1, -1, count_x])
    skewed = tf.reshape(skewed, [-1, lines_of_b, count_y, columns, count_x])
    return tf.reshape(
        tf.transpose(skewed, [0, 1, 3, 2, 4]), [-1, lines_of_b, columns, count_y * count_x]
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


# Of the 6 x 9 moments of `_weighted_fit`, where each element of the 8 x 9 system is found.
_X, _Y, _ONE = (0, 1, 2), (1, 3, 4), (2, 4, 5)  # times x, y, 1: in x², xy, x, y², y, 1
_A, _B, _C, _U, _V, _UV, _RIGHT_U, _RIGHT_V, _RIGHT_UV = range(9)


def _system_layout():
    blocks = [
        [_A] * 3 + [_B] * 3 + [_U] * 2 + [_RIGHT_U],
        [_B] * 3 + [_C] * 3 + [_V] * 2 + [_RIGHT_V],
        [_U] * 3 + [_V] * 3 + [_UV] * 2 + [_RIGHT_UV],
    ]
    factors = [_X, _Y, _ONE] * 2 + [_X, _Y]
    columns = [0, 1, 2, 0, 1, 2, 0, 1, 2]  # x, y, 1 of the column; the right side is times 1
    return np.array(
        [
            [blocks[row // 3][column] + 9 * factors[row][columns[column]] for column in range(9)]
            for row in range(8)
        ]
    )


# `[54, 72]`, one 1 a column: picks the system out of the moments.
_LAYOUT = np.eye(54, dtype=np.float32)[:, _system_layout().ravel()]


def _weighted_fit(x, y, displacement, information):
    """The homography, identity plus `[n, 8, 1]`, that moves points by displacements.

    The equations of a point are linear in the eight elements: `du = s0 x + s1 y + s2 - u (s6 x + s7
    y)`, and `dv` likewise. All sums over points that their normal equations need are moments of
    nine weights, so one matrix product finds them.

    Args:
      x, y: numpy `[m]`, the points.
      displacement: `(du, dv)`, each `[n, 1, m]`.
      information: `(a, b, c)`, each `[n, 1, m]`, the weight `[[a, b], [b, c]]` of each point.
    """
    (du, dv), (a, b, c) = displacement, information
    u, v = x + du, y + dv
    right_u, right_v = a * du + b * dv, b * du + c * dv
    from_u, from_v = a * u + b * v, b * u + c * v
    weights = rows.join(
        [
            *(a, b, c, -1.0 * from_u, -1.0 * from_v, u * from_u + v * from_v),
            *(right_u, right_v, -1.0 * (u * right_u + v * right_v)),
        ]
    )
    monomials = np.stack([x * x, x * y, x, y * y, y, np.ones_like(x)])[None]
    moments = tf.matmul(monomials, weights, transpose_b=True)
    system = tf.reshape(tf.matmul(tf.reshape(moments, [-1, 54]), _LAYOUT), [-1, 8, 9])
    normal, right = (
        tf.slice(system, [0, 0, 0], [-1, -1, 8]),
        tf.slice(system, [0, 0, 8], [-1, -1, 1]),
    )
    return least_squares.solve_damped(normal, right, damping=1e-4)


@keras.saving.register_keras_serializable(_PACKAGE)
class FitHomography(keras.layers.Layer):
    """The homography that fits a displacement for every cell, each as much as it is trusted.

    Inputs: `[n, cells, cells, 5]`, for every cell of B its displacement along x and y in cells, and
    the three elements (log of the first, second, log of the third) of the lower triangle `L` whose
    `L Lᵀ` is the displacement's information (inverse covariance): an edge knows one direction only;
    and `a_from_b` `[n, 3, 3]`, in units of half a patch, relative to which they are displaced (the
    identity if it is not given).

    Outputs: the new `h4pt`, `[n, 4, 2]`, pixels; the new `a_from_b`, `[n, 3, 3]`, in units of half
    a patch; and `matches` `[n, 5, cells²]`: where each cell of B lies in A, along x and y in
    pixels, and its `L`, per pixel.
    """

    def __init__(self, patch_size, **options):
        super().__init__(**options)
        self.patch_size = patch_size

    def call(self, displacements, a_from_b=None):
        cells, half = displacements.shape[1], self.patch_size / 2.0
        per_cell = 2.0 / cells  # units
        x, y, _ = units_of_cells(cells)
        table = tf.transpose(tf.reshape(displacements, [-1, cells * cells, 5]), [0, 2, 1])
        du, dv, log_l11, l21, log_l22 = rows.split(table)
        du, dv = du * per_cell, dv * per_cell
        l11, l22 = (tf.exp(6.0 * tf.tanh(log / 6.0)) for log in (log_l11, log_l22))
        # The information of a cell, L Lᵀ = [[a, b], [b, c]].
        a, b, c = l11 * l11, l11 * l21, l21 * l21 + l22 * l22
        information = a, b, c
        for round_ in range(_ROUNDS):
            step = _weighted_fit(x, y, (du, dv), information)
            if round_ + 1 < _ROUNDS:
                # Student's t: what disagrees with the rest counts less.
                s = rows.split(step)
                radial = s[6] * x + s[7] * y
                left_u = du - (s[0] * x + s[1] * y + s[2] - (x + du) * radial)
                left_v = dv - (s[3] * x + s[4] * y + s[5] - (y + dv) * radial)
                squared = a * left_u * left_u + 2.0 * b * left_u * left_v + c * left_v * left_v
                trust = tf.stop_gradient(1.0 / (1.0 + squared / (4.0 * per_cell**2)))
                information = trust * a, trust * b, trust * c
        before = tf.eye(3, batch_shape=[1]) if a_from_b is None else a_from_b
        before += tf.zeros_like(step[:, :3])  # one for every pair
        after = geometry.move(before, step)

        units_from_pixels, pixels_from_units = geometry.normalization(self.patch_size)
        in_pixels = pixels_from_units @ after @ units_from_pixels
        h4pt = geometry.h4pt_from_matrix(in_pixels, self.patch_size)
        h4pt = tf.clip_by_value(h4pt, -half, half)

        moved = tf.concat([x + du, y + dv, tf.ones_like(du)], axis=1)
        u, v = _transform(before, moved)
        per_pixel = cells / self.patch_size
        matches = tf.concat(
            [
                u * half + (half - 0.5),
                v * half + (half - 0.5),
                l11 * per_pixel,
                l21 * per_pixel,
                l22 * per_pixel,
            ],
            axis=1,
        )
        return h4pt, after, matches

    def get_config(self):
        return {**super().get_config(), "patch_size": self.patch_size}
