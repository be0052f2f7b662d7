"""Source of images that can be read in any order, and the shuffling of endless streams."""

from collections.abc import Callable

import tensorflow as tf

from keras_homography.data import endless_stream

# The image with a number, int64 scalar -> uint8 `[height, width, channels]`, in the graph.
GetImage = Callable[[tf.Tensor], tf.Tensor]


def stream_positions(start: int, shard: tuple[int, int]) -> tf.data.Dataset:
    """Return the positions of a stream: an endless dataset of int64 scalars.

    Args:
      start: first position of all workers together.
      shard: `(index, count)`: which of how many workers this is.
    """
    index, count = shard
    return tf.data.Dataset.range(start + index, tf.int64.max, count)


def with_position(function: Callable[..., tf.Tensor]) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """Return a function `(position, *rest) -> (position, function(position, *rest))`."""

    @tf.autograph.experimental.do_not_convert  # nothing to convert, and seconds to look for it
    def function_with_position(
        position: tf.Tensor, *rest: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        return position, function(position, *rest)

    return function_with_position


def shuffled_index(position: tf.Tensor, count: int, seed: int) -> tf.Tensor:
    """Return which of `count` items is at a position of an endless, shuffled sequence.

    The sequence consists of rounds through all items, each in another order.

    Args:
      position: int64 scalar.
      count: number of items.
      seed: of the orders.

    Returns:
      Int64 scalar below `count`, a pure function of the arguments.
    """
    seed_of_round = tf.stack([tf.cast(seed, tf.int64), position // count])
    return tf.random.experimental.index_shuffle(position % count, seed_of_round, count - 1)


class IndexedSource:
    """Images that can be read in any order; a `sources.ImageSource`.

    Args:
      name: of the source.
      count: how many images there are.
      get_image: returns the image of a number below `count`, in the graph.
      skipped: `{path or name: reason}` of the images that are not used.
      can_fail: whether an image may be unreadable once the stream begins: not if all are in memory.

    Attributes:
      num_images: the same as `count`, which other sources may not know.
    """

    def __init__(
        self,
        name: str,
        count: int,
        get_image: GetImage,
        skipped: dict[str, str],
        can_fail: bool = True,
    ) -> None:
        self.name = name
        self.count: int | None = count
        self.skipped = skipped
        self.num_images = count
        self._get_image = get_image
        self._can_fail = can_fail

    def stream(self, seed: int, start: int = 0, shard: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """Return the endless sequence of images of a seed: see `sources.ImageSource.stream`."""

        def pick(position: tf.Tensor) -> tf.Tensor:
            return self._get_image(shuffled_index(position, self.num_images, seed))

        if self._can_fail:
            return endless_stream.readable_images(self.name, self.num_images, pick, start, shard)
        return stream_positions(start, shard).map(with_position(pick), tf.data.AUTOTUNE)
