"""Read images and videos from files, and convert images of several types to grayscale."""

import itertools
import os
import pathlib
import re
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from keras_homography.utils import files
from keras_homography.utils.errors import UserError

JPEG_SUFFIXES = (".jpg", ".jpeg")
# Of the image files that are looked for in folders.
SUFFIXES = (*JPEG_SUFFIXES, ".png", ".bmp", ".tif", ".tiff", ".webp")
# How containers of frames begin. FFmpeg would open playlists too, and the files that they name.
_VIDEO = re.compile(
    rb"RIFF.{4}AVI |.{4}(ftyp|styp|moov|mdat|free|skip|wide|pnot)|\x1aE\xdf\xa3|\0\0\x01"
    rb"|\0{3}\x01|G.{187}G|.{4}G.{191}G|0&\xb2u|\x06\x0e\x2b\x34|FLV\x01|OggS\0|GIF8|DKIF"
    rb"|YUV4MPEG2 |\xff\xd8\xff",
    re.DOTALL,
)
_MAX_DAMAGED = 1000  # frames in sequence, after which a video is over


def as_gray(image: npt.ArrayLike, name: str) -> npt.NDArray[np.uint8]:
    """Convert an image to grayscale.

    Args:
      image: uint8, uint16 (scaled) or float (0..255), `[height, width]` or `[height, width, c]`
        with c 1 (gray), 3 (RGB) or 4 (RGB and alpha, which is ignored).
      name: what messages call the image.

    Returns:
      uint8 `[height, width]`, gray levels.

    Raises:
      UserError: of another type or shape, empty, not finite, or outside 0..255.
    """
    try:
        image = np.asarray(image)
    except ValueError:  # lists of several lengths
        raise UserError(
            f"{name} is no image: {repr(image)[:60]} has rows of several lengths."
        ) from None
    _check_shape(image, name)
    if image.dtype == np.uint16:
        image = image.astype(np.float32) / 257.0
    elif image.dtype.kind == "f":
        _check_range(image, name)
        image = image.astype(np.float32)
    elif image.dtype != np.uint8:
        raise UserError(
            f"{name} is of type {image.dtype}; an image is uint8, uint16, or float in 0..255."
        )
    image = np.ascontiguousarray(image)
    if image.ndim == 3:
        image = image[..., 0] if image.shape[2] == 1 else _luma(image)
    return image if image.dtype == np.uint8 else np.round(image).astype(np.uint8)


def _check_shape(image: np.ndarray, name: str) -> None:
    is_image = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3, 4))
    if not is_image or 0 in image.shape:
        raise UserError(
            f"{name} has the shape {image.shape}; an image is [height, width], or [height, width, "
            "channels] with 1 (gray), 3 (RGB) or 4 (RGBA) channels."
        )


def _check_range(image: np.ndarray, name: str) -> None:
    low, high = float(image.min()), float(image.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UserError(f"{name} holds values that are not finite (NaN or infinity).")
    if low < 0.0 or high > 255.0:
        raise UserError(f"{name} holds values from {low:g} to {high:g}; gray levels are 0 to 255.")
    if 0.0 < high <= 1.0:
        raise UserError(
            f"{name} holds values up to {high:g}; gray levels are 0 to 255: multiply an image "
            "in 0..1 by 255."
        )


def _luma(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY if image.shape[2] == 3 else cv2.COLOR_RGBA2GRAY)


def _is_complete(data: bytes) -> bool:
    """Whether a file has its format's end marker: OpenCV fills missing parts with gray."""
    if data.startswith(b"\xff\xd8"):
        return data.rfind(b"\xff\xd9") > data.rfind(b"\xff\xda")
    if data.startswith(b"\x89PNG"):
        return b"IEND" in data[-64:]
    return True


def read_image(path: str | os.PathLike[str]) -> npt.NDArray[np.uint8]:
    """Read an image file in color, rotated according to its EXIF orientation.

    Args:
      path: of a JPEG, PNG, TIFF, WebP, BMP or GIF file (of an animation, the first frame).

    Returns:
      uint8 `[height, width, 3]`, RGB; 16-bit files are scaled, transparency is dropped.

    Raises:
      UserError: no such file, no image, truncated, or too large for the memory.
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
    if not _is_complete(data):
        raise UserError(f"{path} is truncated: its end is missing.")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except (cv2.error, MemoryError) as error:
        reason = str(error).strip().splitlines()[-1] if str(error) else "out of memory"
        raise UserError(f"{path} cannot be decoded: {reason}") from None
    if image is None:
        raise UserError(f"{path} is not an image that OpenCV can read, or it is damaged.")
    return image


def read_video(
    path: str | os.PathLike[str],
) -> tuple[Iterator[tuple[int, npt.NDArray[np.uint8] | None]], int]:
    """Open a video.

    Args:
      path: of a file in a format that OpenCV reads: MP4, AVI, Matroska, MPEG and others. Lists of
        other files are refused.

    Returns:
      `(frames, count)`: an iterator of `(number, image)`, images uint8 `[height, width, 3]`, RGB,
      None for a damaged frame that others follow; and the number of frames that the file
      announces, 0 if it does not.

    Raises:
      UserError: no such file, or not one readable frame.
    """
    if not os.path.isfile(path):
        raise UserError(f"{path} does not exist; give a video file.")
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    if not _VIDEO.match(head):
        raise UserError(
            f"{path} is not a video: it does not begin as MP4, AVI, Matroska, MPEG or another "
            "container of frames. Lists of other files are not opened."
        )
    with files.plain_path(path) as plain:
        capture = cv2.VideoCapture(plain)
    frames = _frames(capture)
    first = next(frames, None)
    if first is None:
        raise UserError(f"{path} is not a video that OpenCV can read.")
    return itertools.chain([first], frames), max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))


def _frames(capture: cv2.VideoCapture) -> Iterator[tuple[int, npt.NDArray[np.uint8] | None]]:
    """Yield `(number, image)`; after a frame that cannot be decoded, OpenCV reads the next."""
    number = damaged = 0
    while damaged < _MAX_DAMAGED:
        success, frame = capture.read()
        if success:
            yield from ((missing, None) for missing in range(number - damaged, number))
            yield number, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            damaged = 0
        else:
            damaged += 1
        number += 1
