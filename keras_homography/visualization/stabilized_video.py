"""Write registered frames as a video in the frame of one image."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from keras_homography.geometry import arrays
from keras_homography.utils import files, image_input
from keras_homography.utils.errors import UserError
from keras_homography.visualization import alignment_overlays

_FRAMES_PER_SECOND = 25.0


@contextlib.contextmanager
def open_writer(
    path: pathlib.Path | None, image_a: np.ndarray, max_side: int
) -> Iterator[Callable[[np.ndarray, np.ndarray], None]]:
    """Open a video; the context's value is a function that appends a frame.

    Args:
      path: of the video, MPEG-4, created at the end if a frame was appended; None writes nothing.
      image_a: uint8 `[height, width, 3]`, RGB; frames are warped to it.
      max_side: of the video, in pixels.

    Yields:
      A function of `(image_b, a_from_b)`: uint8 `[height, width, 3]` and float64 `[3, 3]`, pixels
      of B to pixels of A.

    Raises:
      OSError: the video cannot be written; what was there stays.
    """
    if path is None:
        yield lambda image_b, a_from_b: None
        return
    small, small_from_a = alignment_overlays.shrink(image_a, max_side)
    width, height = arrays.image_size(small)
    size = width + width % 2, height + height % 2  # players of MPEG-4 need even sides
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        write: Callable[[np.ndarray], None] | None = None

        def append(image_b: np.ndarray, a_from_b: np.ndarray) -> None:
            nonlocal write
            if write is None:
                write = stack.enter_context(_open_file(path, size))
            write(cv2.warpPerspective(image_b, small_from_a @ a_from_b, size))

        yield append


@contextlib.contextmanager
def _open_file(path: pathlib.Path, size: tuple[int, int]) -> Iterator[Callable[[np.ndarray], None]]:
    """Open a video file; it replaces `path` when all its frames can be read back."""
    count = 0
    with files.atomic_write(path) as unfinished:
        with files.plain_path(unfinished) as plain:
            codec = cv2.VideoWriter.fourcc(*"mp4v")
            writer = cv2.VideoWriter(plain, codec, _FRAMES_PER_SECOND, size)
        if not writer.isOpened():
            raise OSError(f"{path} cannot be written.")

        def write(frame: np.ndarray) -> None:
            nonlocal count
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            count += 1

        try:
            yield write
        finally:
            writer.release()
        if _count_frames(unfinished) != count:
            raise OSError(f"{path} cannot be written as a whole: is the disk full?")


def _count_frames(path: pathlib.Path) -> int:
    try:
        return sum(image is not None for _, image in image_input.read_video(path)[0])
    except UserError:
        return 0
