"""Images from outside: what is accepted, and how it is read."""

import os
import pathlib

import cv2
import numpy as np

from keras_homography.utils.errors import UserError


def as_gray(image, name):
    """An image as gray levels.

    Args:
      image: uint8, uint16 (scaled) or float (0..255), `[height, width]` or `[height, width, c]`
        with c 1 (gray), 3 (RGB) or 4 (RGB and alpha, which is ignored).
      name: of the image, for messages.

    Returns:
      uint8 `[height, width]`.

    Raises:
      ValueError: it is none of these, or holds no pixel, or a value that is not a gray level.
    """
    image = np.asarray(image)
    fits = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3, 4))
    if not fits or 0 in image.shape:
        raise UserError(
            f"{name} has the shape {image.shape}; an image is [height, width], or [height, width, "
            "channels] with 1 (gray), 3 (RGB) or 4 (RGBA) channels."
        )
    if image.dtype == np.uint16:
        image = image.astype(np.float32) / 257.0
    elif image.dtype.kind == "f":
        low, high = float(image.min()), float(image.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            raise UserError(f"{name} holds values that are not finite (NaN or infinity).")
        if low < 0.0 or high > 255.0:
            raise UserError(
                f"{name} holds values from {low:g} to {high:g}; gray levels are 0 to 255."
            )
        if 0.0 < high <= 1.0:
            raise UserError(
                f"{name} holds values up to {high:g}; gray levels are 0 to 255: multiply an image "
                "in 0..1 by 255."
            )
        image = image.astype(np.float32)
    elif image.dtype != np.uint8:
        raise UserError(
            f"{name} is of type {image.dtype}; an image is uint8, uint16, or float in 0..255."
        )
    image = np.ascontiguousarray(image)
    if image.ndim == 3:
        image = image[..., 0] if image.shape[2] == 1 else _luma(image)
    return image if image.dtype == np.uint8 else np.round(image).astype(np.uint8)


def _luma(image):
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY if image.shape[2] == 3 else cv2.COLOR_RGBA2GRAY)


def _is_whole(data):
    """Whether a file ends as its format does: OpenCV fills what is missing with gray."""
    if data.startswith(b"\xff\xd8"):
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
    if data.startswith(b"\x89PNG"):
        return b"IEND" in data[-64:]
    return True


def read_image(path):
    """Reads a photo as it is meant to be seen: turned as its EXIF orientation says.

    Args:
      path: of a JPEG, PNG, TIFF, WebP, BMP or GIF file (of an animation, the first frame).

    Returns:
      uint8 `[height, width, 3]`, RGB; 16-bit files are scaled, transparency is dropped.

    Raises:
      ValueError: there is no such file, or it is not a whole image that can be held in memory.
    """
    if not os.path.isfile(path):
        what = "is no regular file" if os.path.lexists(path) else "does not exist"
        what = "is a folder" if os.path.isdir(path) else what
        raise UserError(f"{path} {what}; give an image file.")
    try:
        data = pathlib.Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    if not data:
        raise UserError(f"{path} is empty.")
    if not _is_whole(data):
        raise UserError(f"{path} is truncated: its end is missing.")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except (cv2.error, MemoryError) as error:
        reason = str(error).strip().splitlines()[-1] if str(error) else "out of memory"
        raise UserError(f"{path} cannot be decoded: {reason}") from None
    if image is None:
        raise UserError(f"{path} is not an image that OpenCV can read, or it is damaged.")
    return image


def read_video(path):
    """Opens a video.

    Returns:
      `(frames, count)`: a generator of `(number, image)`, images uint8 `[height, width, 3]`, RGB;
      and how many there are, 0 if the file does not say.

    Raises:
      ValueError: there is no such file, or it holds no frame that can be read.
    """
    if not os.path.isfile(path):
        raise UserError(f"{path} does not exist; give a video file.")
    capture = cv2.VideoCapture(str(path))
    good, first = capture.read()
    if not good:
        raise UserError(f"{path} is not a video that OpenCV can read.")

    def frames():
        number, good, frame = 0, True, first
        while good:
            yield number, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            number += 1
            good, frame = capture.read()

    return frames(), max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
