"""Write registered frames as a video in the frame of one image."""

import contextlib
import pathlib
import tempfile
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from keras_homography.geometry import arrays
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
    """
    if path is None:
        yield lambda image_b, a_from_b: None
        return
    small, small_from_a = alignment_overlays.shrink(image_a, max_side)
    width, height = arrays.image_size(small)
    size = width + width % 2, height + height % 2  # players of MPEG-4 need even sides
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        unfinished, count = pathlib.Path(folder) / path.name, 0
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(unfinished), codec, _FRAMES_PER_SECOND, size)

        def append(image_b: np.ndarray, a_from_b: np.ndarray) -> None:
            nonlocal count
            frame = cv2.warpPerspective(image_b, small_from_a @ a_from_b, size)
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            count += 1

        try:
            yield append
        finally:
            writer.release()
        if count:
            unfinished.replace(path)
