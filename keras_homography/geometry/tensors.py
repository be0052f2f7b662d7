"""Points, quads and homography matrices as tensors: the conventions are in `geometry`.

All functions work in float32, batch over any leading dimensions, are differentiable without NaN,
and consist of elementary operations only: `tf.linalg.solve` and `tf.linalg.inv` do not convert to
TFLite. Arguments of other numeric types are converted; a `UserError` (a `ValueError`) is raised for
arguments that are not real numbers, or whose last dimensions are not the documented ones.
"""

from collections.abc import Sequence

import tensorflow as tf

from keras_homography.geometry import argument_checks
from keras_homography.geometry.argument_checks import TensorLike

# Below this, a homogeneous coordinate counts as a point at infinity. In float32, coordinates of a
# few thousand pixels over 1e-6 still have finite squares.
_INFINITELY_FAR = 1e-6


def _divide(numerator: tf.Tensor, denominator: tf.Tensor) -> tf.Tensor:
    """Divide with the denominator kept away from zero, its sign preserved."""
    smallest = tf.where(denominator < 0.0, -_INFINITELY_FAR, _INFINITELY_FAR)
    return numerator / tf.where(tf.abs(denominator) < _INFINITELY_FAR, smallest, denominator)


def _matrix(rows: Sequence[Sequence[tf.Tensor]]) -> tf.Tensor:
    """Stack three rows of three tensors `[...]` into a matrix `[..., 3, 3]`."""
    return tf.stack([tf.stack(row, axis=-1) for row in rows], axis=-2)


def _elements(matrix: tf.Tensor) -> list[tf.Tensor]:
    """Return the nine elements of a matrix `[..., 3, 3]`, row by row, each `[...]`."""
    return [matrix[..., i, j] for i in range(3) for j in range(3)]


def _adjugate(matrix: tf.Tensor) -> tf.Tensor:
    """Return the adjugate `[..., 3, 3]`: the inverse times the determinant, always finite."""
    a, b, c, d, e, f, g, h, i = _elements(matrix)
    return _matrix(
        [
            [e * i - f * h, c * h - b * i, b * f - c * e],
            [f * g - d * i, a * i - c * g, c * d - a * f],
            [d * h - e * g, b * g - a * h, a * e - b * d],
        ]
    )


def _normalize(matrix: tf.Tensor) -> tf.Tensor:
    """Scale a matrix `[..., 3, 3]` so that its last element is 1."""
    return _divide(matrix, matrix[..., 2:, 2:])


def corners(patch_size: float | tf.Tensor) -> tf.Tensor:
    """Return the corners of a patch.

    Args:
      patch_size: side of the patch, in pixels; a number or a scalar tensor.

    Returns:
      float32 `[4, 2]`: top-left, top-right, bottom-right, bottom-left.
    """
    return tf.constant([[0, 0], [1, 0], [1, 1], [0, 1]], tf.float32) * tf.cast(
        patch_size, tf.float32
    )


def _quad_from_square(quad: tf.Tensor) -> tf.Tensor:
    """Return the matrix `[..., 3, 3]` from the unit square to a quad `[..., 4, 2]`, up to scale.

    Heckbert, "Fundamentals of Texture Mapping and Image Warping" (1989), section 2.2.3, multiplied
    by the determinant, so that a degenerate quad gives a singular matrix and no infinity.
    """
    x0, x1, x2, x3 = tf.unstack(quad[..., 0], axis=-1)
    y0, y1, y2, y3 = tf.unstack(quad[..., 1], axis=-1)
    dx1, dx2, sum_x = x1 - x2, x3 - x2, x0 - x1 + x2 - x3
    dy1, dy2, sum_y = y1 - y2, y3 - y2, y0 - y1 + y2 - y3
    w = dx1 * dy2 - dx2 * dy1
    g = sum_x * dy2 - dx2 * sum_y
    h = dx1 * sum_y - sum_x * dy1
    return _matrix(
        [
            [w * (x1 - x0) + g * x1, w * (x3 - x0) + h * x3, w * x0],
            [w * (y1 - y0) + g * y1, w * (y3 - y0) + h * y3, w * y0],
            [g, h, w],
        ]
    )


def matrix_from_points(source: TensorLike, target: TensorLike) -> tf.Tensor:
    """Compute the homography of four point correspondences, in closed form.

    This is `cv2.getPerspectiveTransform(source, target)`, batched and differentiable.

    Args:
      source: float32 `[..., 4, 2]`, pixels, the corners of a convex quad in order.
      target: float32 `[..., 4, 2]`, pixels, the corresponding points.

    Returns:
      `target_from_source`, float32 `[..., 3, 3]`, last element 1. For degenerate quads, which
      `is_convex` detects, the matrix is finite but meaningless.
    """
    source = argument_checks.as_tensor(source, "source", ..., 4, 2)
    target = argument_checks.as_tensor(target, "target", ..., 4, 2)
    tf.broadcast_static_shape(source.shape[:-2], target.shape[:-2])  # raises if they do not fit
    # Centered and scaled to about 1, as Hartley's normalization does for the DLT: float32 then
    # loses a few units in the last place instead of half its digits.
    center_source = tf.reduce_mean(source, axis=-2, keepdims=True)
    center_target = tf.reduce_mean(target, axis=-2, keepdims=True)
    size_source = tf.reduce_max(tf.abs(source - center_source), axis=[-2, -1]) + _INFINITELY_FAR
    size_target = tf.reduce_max(tf.abs(target - center_target), axis=[-2, -1]) + _INFINITELY_FAR
    to_square = _adjugate(
        _quad_from_square((source - center_source) / size_source[..., None, None])
    )
    to_target = _quad_from_square((target - center_target) / size_target[..., None, None])
    normalized = tf.matmul(to_target, to_square)
    return _normalize(
        _similarity(size_target, center_target[..., 0, :])
        @ normalized
        @ _similarity(1.0 / size_source, -center_source[..., 0, :] / size_source[..., None])
    )


def _similarity(scale: tf.Tensor, offset: tf.Tensor) -> tf.Tensor:
    """Return the matrix `[..., 3, 3]` of `x -> scale * x + offset`, from `[...]` and `[..., 2]`."""
    zero, one = tf.zeros_like(scale), tf.ones_like(scale)
    return _matrix(
        [[scale, zero, offset[..., 0]], [zero, scale, offset[..., 1]], [zero, zero, one]]
    )


def matrix_from_h4pt(h4pt: TensorLike, patch_size: float | tf.Tensor) -> tf.Tensor:
    """Compute the homography of four corner offsets.

    Args:
      h4pt: float32 `[..., 4, 2]`, pixels of the patch.
      patch_size: side of the patch, in pixels.

    Returns:
      `a_from_b`, float32 `[..., 3, 3]`, pixels to pixels, last element 1.
    """
    h4pt = argument_checks.as_tensor(h4pt, "h4pt", ..., 4, 2)
    square = tf.broadcast_to(corners(patch_size), tf.shape(h4pt))
    return matrix_from_points(square, square + h4pt)


def h4pt_from_matrix(a_from_b: TensorLike, patch_size: float | tf.Tensor) -> tf.Tensor:
    """Compute the corner offsets of a homography: the inverse of `matrix_from_h4pt`.

    Args:
      a_from_b: float32 `[..., 3, 3]`, pixels to pixels of the patch.
      patch_size: side of the patch, in pixels.

    Returns:
      `h4pt`, float32 `[..., 4, 2]`, pixels of the patch.
    """
    square = corners(patch_size)
    return transform_points(a_from_b, square) - square


def transform_points(matrix: TensorLike, points: TensorLike) -> tf.Tensor:
    """Map points through a homography.

    Args:
      matrix: float32 `[..., 3, 3]`, `target_from_source`.
      points: float32 `[..., n, 2]`, pixels of the source; leading dimensions broadcast.

    Returns:
      float32 `[..., n, 2]`, pixels of the target. Points on the horizon come out very far away,
      not infinite.
    """
    matrix = argument_checks.as_tensor(matrix, "matrix", ..., 3, 3)
    points = argument_checks.as_tensor(points, "points", ..., None, 2)
    tf.broadcast_static_shape(matrix.shape[:-2], points.shape[:-2])  # raises if they do not fit
    x, y = points[..., 0], points[..., 1]
    m = [element[..., None] for element in _elements(matrix)]
    w = m[6] * x + m[7] * y + m[8]
    return tf.stack(
        [_divide(m[0] * x + m[1] * y + m[2], w), _divide(m[3] * x + m[4] * y + m[5], w)], axis=-1
    )


def compose(c_from_b: TensorLike, b_from_a: TensorLike) -> tf.Tensor:
    """Compose two homographies: first `b_from_a`, then `c_from_b`.

    Args:
      c_from_b: float32 `[..., 3, 3]`.
      b_from_a: float32 `[..., 3, 3]`; leading dimensions broadcast.

    Returns:
      `c_from_a`, float32 `[..., 3, 3]`, last element 1.
    """
    c_from_b = argument_checks.as_tensor(c_from_b, "c_from_b", ..., 3, 3)
    b_from_a = argument_checks.as_tensor(b_from_a, "b_from_a", ..., 3, 3)
    tf.broadcast_static_shape(c_from_b.shape[:-2], b_from_a.shape[:-2])  # raises if they do not fit
    return _normalize(tf.matmul(c_from_b, b_from_a))


def invert(a_from_b: TensorLike) -> tf.Tensor:
    """Invert a homography.

    Args:
      a_from_b: float32 `[..., 3, 3]`.

    Returns:
      `b_from_a`, float32 `[..., 3, 3]`, last element 1. For a singular matrix it is finite but
      meaningless.
    """
    return _normalize(_adjugate(argument_checks.as_tensor(a_from_b, "a_from_b", ..., 3, 3)))


def translation(offset: TensorLike) -> tf.Tensor:
    """Return the matrix of a translation.

    Args:
      offset: float32 `[..., 2]`, pixels along x and y.

    Returns:
      float32 `[..., 3, 3]`, which adds the offset to a point.
    """
    offset = argument_checks.as_tensor(offset, "offset", ..., 2)
    return _similarity(tf.ones_like(offset[..., 0]), offset)


def resizing(scale: TensorLike) -> tf.Tensor:
    """Return the homography of resizing an image, half-pixel centers kept.

    Args:
      scale: float32 `[..., 2]`, new size over old size along x and y.

    Returns:
      `new_from_old`, float32 `[..., 3, 3]`: `(x + 0.5) * scale - 0.5`.
    """
    scale = argument_checks.as_tensor(scale, "scale", ..., 2)
    x, y = scale[..., 0], scale[..., 1]
    zero, one = tf.zeros_like(x), tf.ones_like(x)
    return _matrix([[x, zero, 0.5 * x - 0.5], [zero, y, 0.5 * y - 0.5], [zero, zero, one]])


def rescale(a_from_b: TensorLike, scale_a: TensorLike, scale_b: TensorLike) -> tf.Tensor:
    """Return the homography between two images after both are resized.

    Args:
      a_from_b: float32 `[..., 3, 3]`, between the images before.
      scale_a: float32 `[..., 2]`, new size over old size of A along x and y.
      scale_b: float32 `[..., 2]`, the same for B.

    Returns:
      `a_from_b` between the resized images, float32 `[..., 3, 3]`, last element 1.
    """
    old_b_from_new_b = resizing(1.0 / argument_checks.as_tensor(scale_b, "scale_b", ..., 2))
    return compose(resizing(scale_a), compose(a_from_b, old_b_from_new_b))


def is_convex(quad: TensorLike, tolerance: float = 1e-3) -> tf.Tensor:
    """Check whether a quad is convex and keeps its orientation, as the image of a patch does.

    Under a homography, a square stays convex and keeps its orientation unless the horizon crosses
    it. Collinear, self-crossing, concave and mirrored quads are not images of a patch.

    Args:
      quad: float32 `[..., 4, 2]`, pixels, in the order of `corners`.
      tolerance: the smallest area of a triangle of three neighboring corners, as a share of the
        area of the quad's bounding square.

    Returns:
      bool `[...]`. False for coordinates that are not finite.
    """
    quad = argument_checks.as_tensor(quad, "quad", ..., 4, 2)
    edges = tf.roll(quad, -1, axis=-2) - quad
    next_edges = tf.roll(edges, -1, axis=-2)
    doubled_areas = edges[..., 0] * next_edges[..., 1] - edges[..., 1] * next_edges[..., 0]
    extent = tf.reduce_max(quad, axis=-2) - tf.reduce_min(quad, axis=-2)
    side = tf.reduce_max(extent, axis=-1)
    return tf.reduce_min(doubled_areas, axis=-1) > 2.0 * tolerance * side * side
