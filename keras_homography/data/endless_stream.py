"""Endless streams of images of which some cannot be read, and their end when none can be.

`Dataset.ignore_errors` on an endless stream of nothing but errors searches for ever. So numbers
that stand for no image, heartbeats, run along with the images: when several pass and no image
between them, the stream ends with an error that names the source.
"""

from collections.abc import Callable

import tensorflow as tf

from keras_homography.utils import errors

HEARTBEAT = -1  # a position that stands for no image
_INTERVAL = 64  # positions from one heartbeat to the next
_MAX_FAILURES = 10_000  # in a row

# The image at a position of a stream, int64 scalar -> uint8 `[height, width, channels]`, in the
# graph; its shape is static.
ImageAtPosition = Callable[[tf.Tensor], tf.Tensor]


def readable_images(
    name: str, count: int, image_at: ImageAtPosition, start: int, shard: tuple[int, int]
) -> tf.data.Dataset:
    """Return the endless stream of the images that can be read.

    Args:
      name: of the source, for the message.
      count: how many images the source has.
      image_at: returns the image at a position, or fails.
      start: first position of all workers together.
      shard: `(index, count)`: which of how many workers this is.

    Returns:
      A dataset of `(position, image)`. It ends with an error, from which `errors.of_graph` makes a
      `UserError`, when twice as many images in a row as the source has, or 10,000, cannot be read.
    """
    index, workers = shard

    def position_of(number: tf.Tensor) -> tf.Tensor:
        block, place = number // (_INTERVAL + 1), number % (_INTERVAL + 1)
        position = start + index + workers * (_INTERVAL * block + place)
        return tf.where(place == _INTERVAL, tf.constant(HEARTBEAT, tf.int64), position)

    numbers = tf.data.Dataset.range(tf.int64.max)
    images = numbers.map(unless_heartbeat(image_at, position_of), tf.data.AUTOTUNE)
    failures = min(2 * count, _MAX_FAILURES)
    return end_without_images(images.ignore_errors(), name, 1 - -failures // _INTERVAL)


def unless_heartbeat(
    image_at: Callable[..., tf.Tensor], position_of: ImageAtPosition = lambda position: position
) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """Return a function `(number, *rest) -> (position, image)` that passes heartbeats on.

    Args:
      image_at: function `(position, *rest) -> image`, not called at heartbeats.
      position_of: function `number -> position`.
    """

    @tf.autograph.experimental.do_not_convert  # nothing to convert, and seconds to look for it
    def function(number: tf.Tensor, *rest: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        position = position_of(number)
        traced = []

        def read() -> tf.Tensor:
            traced.append(image_at(position, *rest))
            return traced[0]

        def nothing() -> tf.Tensor:  # traced after the other branch
            sides = [side or 0 for side in traced[0].shape]
            return tf.zeros(sides, traced[0].dtype)

        return position, tf.cond(position != HEARTBEAT, read, nothing)

    return function


def end_without_images(stream: tf.data.Dataset, name: str, max_heartbeats: int) -> tf.data.Dataset:
    """Remove the heartbeats of a stream; end it when too many pass and no image between them.

    Args:
      stream: of `(position, image)`, endless.
      name: of the source, for the message.
      max_heartbeats: in a row.

    Returns:
      The stream without heartbeats.
    """
    message = errors.message_in_graph(
        f"No image of {name!r} can be read any more: all fail, one after the other. Is it still "
        "there, and on every machine that reads it? The same command goes on once it is back."
    )

    @tf.autograph.experimental.do_not_convert
    def count(
        heartbeats: tf.Tensor, element: tuple[tf.Tensor, tf.Tensor]
    ) -> tuple[tf.Tensor, tuple[tf.Tensor, tf.Tensor]]:
        position, image = element
        heartbeats = tf.where(position == HEARTBEAT, heartbeats + 1, 0)
        with tf.control_dependencies([tf.debugging.Assert(heartbeats < max_heartbeats, [message])]):
            return tf.identity(heartbeats), (position, image)

    counted = stream.scan(tf.constant(0), count)
    return counted.filter(lambda position, image: position != HEARTBEAT)
