"""Source of generated images: needs no file and no network."""

import tensorflow as tf

from keras_homography.data import indexed_source, synthetic_images


class SyntheticSource:
    """Endless generated images; a `sources.ImageSource`.

    Args:
      height: of the images, in pixels.
      width: of the images, in pixels.
      channels: 1 for gray images, 3 for RGB.
    """

    name = "synthetic"
    count: int | None = None

    def __init__(self, height: int, width: int, channels: int = 1) -> None:
        self._shape = height, width, channels
        self.skipped: dict[str, str] = {}

    def stream(self, seed: int, start: int = 0, shard: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """Return the endless sequence of images of a seed: see `sources.ImageSource.stream`."""

        def draw(position: tf.Tensor) -> tf.Tensor:
            seed_of_image = tf.stack([tf.cast(seed, tf.int64), position])
            return synthetic_images.draw_image(seed_of_image, *self._shape)

        return indexed_source.stream_positions(start, shard).map(
            indexed_source.with_position(draw), tf.data.AUTOTUNE
        )
