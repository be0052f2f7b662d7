"""Losses of the matcher: which cells match, where within a cell, and how reliable that is."""

import tensorflow as tf

from keras_homography.data import matching_pairs
from keras_homography.models.matcher_grid import COARSE_STRIDE, FINE_STRIDE, WINDOW


def cell_logits(coarse_a: tf.Tensor, coarse_b: tf.Tensor) -> tf.Tensor:
    """Compare all cells of A with all cells of B.

    Args:
      coarse_a: float32 `[n, rows, columns, c]`, of the matcher.
      coarse_b: the same.

    Returns:
      float32 `[n, cells_a, cells_b]`.
    """
    flat_a, flat_b = (
        tf.reshape(coarse, [tf.shape(coarse)[0], -1, coarse.shape[-1]])
        for coarse in (coarse_a, coarse_b)
    )
    return tf.matmul(flat_a, flat_b, transpose_b=True)


def cells_of(positions: tf.Tensor, size: int) -> tf.Tensor:
    """Find the cells that positions lie in.

    Args:
      positions: float32 `[..., 2]`, pixels.
      size: Side of the image, in pixels.

    Returns:
      int32 `[...]`, counted row by row; the nearest cell for a position outside of the image.
    """
    cells = size // COARSE_STRIDE
    place = tf.cast(tf.floor((positions + 0.5) / COARSE_STRIDE), tf.int32)
    place = tf.clip_by_value(place, 0, cells - 1)
    return place[..., 1] * cells + place[..., 0]


def dual_softmax(logits: tf.Tensor, cells_b: tf.Tensor, visible: tf.Tensor) -> tf.Tensor:
    """Return the cross-entropy of the true matches, from A to B and back.

    Args:
      logits: float32 `[n, cells_a, cells_b]`, of `cell_logits`.
      cells_b: int32 `[n, cells_a]`, the true cell of B for each of A.
      visible: bool `[n, cells_a]`, which cells B shows.

    Returns:
      A scalar: nats, the mean over the visible cells and both directions.
    """
    true_logit = tf.gather(logits, cells_b, batch_dims=2)
    over_b = tf.reduce_logsumexp(logits, axis=2)
    over_a = tf.gather(tf.reduce_logsumexp(logits, axis=1), cells_b, batch_dims=1)
    return _masked_mean(0.5 * (over_b + over_a) - true_logit, visible)


def find_nearest(
    logits: tf.Tensor, cells_b: tf.Tensor, visible: tf.Tensor, columns: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Find the most similar cell of B for every cell of A, and whether it is the right one.

    Args:
      logits: float32 `[n, cells_a, cells_b]`.
      cells_b: int32 `[n, cells_a]`, the true cells.
      visible: bool `[n, cells_a]`.
      columns: Cells in a row of B.

    Returns:
      `(nearest, is_right)`: int32 and bool `[n, cells_a]`. A neighbor of the true cell is right.
    """
    nearest = tf.argmax(logits, axis=2, output_type=tf.int32)
    rows_off = tf.abs(nearest // columns - cells_b // columns)
    columns_off = tf.abs(nearest % columns - cells_b % columns)
    return nearest, visible & (tf.maximum(rows_off, columns_off) <= 1)


def window_offsets() -> tf.Tensor:
    """Return where the fine features of a window lie from its cell's center.

    Returns:
      float32 `[WINDOW², 2]`, pixels.
    """
    line = (tf.range(WINDOW, dtype=tf.float32) - (WINDOW - 1) / 2.0) * FINE_STRIDE
    x, y = tf.meshgrid(line, line)
    return tf.stack([tf.reshape(x, [-1]), tf.reshape(y, [-1])], axis=-1)


def fine_logits(fine_a: tf.Tensor, fine_b: tf.Tensor, nearest: tf.Tensor) -> tf.Tensor:
    """Compare each cell of A with the fine features of B around its nearest cell.

    Args:
      fine_a: float32 `[n, 2 * rows, 2 * columns, c]`, of the matcher.
      fine_b: the same.
      nearest: int32 `[n, cells_a]`, cells of B.

    Returns:
      float32 `[n, cells_a, WINDOW²]`.
    """
    count, channels = tf.shape(fine_a)[0], fine_a.shape[-1]
    queries = tf.reshape(tf.nn.avg_pool2d(fine_a, 2, 2, "VALID"), [count, -1, 1, channels])
    border = WINDOW // 2 - 1
    padded = tf.pad(fine_b, [[0, 0], [border, border], [border, border], [0, 0]])
    windows = tf.image.extract_patches(
        padded, [1, WINDOW, WINDOW, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID"
    )
    windows = tf.reshape(windows, [count, -1, WINDOW**2, channels])
    windows = tf.gather(windows, nearest, batch_dims=1)
    return tf.matmul(queries, windows, transpose_b=True)[:, :, 0]


def fine_cross_entropy(
    logits: tf.Tensor, offsets: tf.Tensor, is_right: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the cross-entropy of positions in a window, and their error.

    The four fine features around the true position share the target, so that the expectation over
    the window is the true position where the loss is lowest.

    Args:
      logits: float32 `[n, cells_a, WINDOW²]`, of `fine_logits`.
      offsets: float32 `[n, cells_a, 2]`, pixels, from the center of the nearest cell to the truth.
      is_right: bool `[n, cells_a]`: others have no truth in their window.

    Returns:
      `(loss, error)`: scalars, nats and pixels.
    """
    places = window_offsets()
    distance = tf.abs(offsets[:, :, None] - places) / FINE_STRIDE
    target = tf.reduce_prod(tf.nn.relu(1.0 - distance), axis=-1)
    entropy = -tf.reduce_sum(target * tf.nn.log_softmax(logits), axis=-1)
    expected = tf.matmul(tf.nn.softmax(logits), places)
    squared = tf.reduce_sum(tf.square(expected - offsets), axis=-1)
    return _masked_mean(entropy, is_right), _masked_mean(tf.sqrt(squared + 1e-6), is_right)


def centers_of(cells: tf.Tensor, size: int) -> tf.Tensor:
    """Return the centers of cells, float32 `[..., 2]`, pixels."""
    return tf.gather(matching_pairs.cell_centers(size), cells)


def _masked_mean(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    weights = tf.cast(mask, tf.float32)
    return tf.reduce_sum(weights * values) / tf.maximum(tf.reduce_sum(weights), 1.0)
