"""Endless streams of photos, of any source whose photos have numbers.

What a stream is, `photos` says.
"""

import tensorflow as tf


def stream_positions(start, shard):
    """The positions of a stream: a dataset of int64 scalars."""
    index, count = shard
    return tf.data.Dataset.range(start + index, tf.int64.max, count)


def keep_position(get):
    """A function `(position, *found) -> (position, get(position, *found))`."""

    @tf.autograph.experimental.do_not_convert  # nothing to convert, and seconds to look for it
    def get_with_position(position, *found):
        return position, get(position, *found)

    return get_with_position


def shuffled_index(position, count, seed):
    """Which of `count` items is at a position of an endless sequence of rounds through them, each
    in an order of its own: int64 scalar, a pure function of the seed."""
    seed_of_round = tf.stack([tf.cast(seed, tf.int64), position // count])
    return tf.random.experimental.index_shuffle(position % count, seed_of_round, count - 1)


class IndexedSource:
    """Photos that can be had in any order. Every round through them has an order of its own."""

    def __init__(self, name, count, get, skipped):
        """Args: `name`; how many photos; the photo of a number below that, in the graph; what is
        left out, `{name: reason}`."""
        self.name, self.count, self._get, self.skipped = name, count, get, skipped

    def stream(self, seed, start=0, shard=(0, 1)):
        """See `photos`."""

        def pick(position):
            return self._get(shuffled_index(position, self.count, seed))

        picked = stream_positions(start, shard).map(keep_position(pick), tf.data.AUTOTUNE)
        return picked.ignore_errors()
