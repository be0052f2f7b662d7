"""Read the images of a source, and encode images as files hold them."""

import cv2


def read(source, count, seed=0, start=0):
    """The first `count` images of a stream, from a position on: uint8 `[height, width, 1]`."""
    return [image for _, image in source.stream(seed, start).take(count).as_numpy_iterator()]


def encode(image, suffix=".png"):
    """The bytes of an image file."""
    return cv2.imencode(suffix, image)[1].tobytes()
