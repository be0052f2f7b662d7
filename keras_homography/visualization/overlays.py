"""Pictures of an alignment: A over B, in the pixels of B. Images are uint8 RGB unless said."""

import contextlib
import math
import pathlib
import tempfile

import cv2
import numpy as np

from keras_homography.geometry import arrays

_TILES = 8  # of a checkerboard, along the longer side
_BLINK = 600  # milliseconds a frame
_FRAMES_PER_SECOND = 25.0
_SEAM = 24.0  # pixels, over which one image fades into the other
_LARGEST_PANORAMA = 3  # times the longest side of either image


def shrink(image, max_side):
    """An image with no side above `max_side`, and the matrix from its pixels to the new ones."""
    width, height = arrays.image_size(image)
    scale = min(1.0, max_side / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if scale < 1.0:
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return image, arrays.resizing((width, height), size)


def align(image_a, b_from_a, size_b):
    """A as B sees it, black where it does not reach, `[height, width, 3]`."""
    return cv2.warpPerspective(image_a, b_from_a, size_b, flags=cv2.INTER_LINEAR)


def red_cyan(aligned, image_b):
    """A in red over B in cyan: gray where they fit."""
    red, cyan = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (aligned, image_b))
    return np.dstack([red, cyan, cyan])


def checkerboard(aligned, image_b):
    """A and B in turn: edges go on from one tile to the next where they fit."""
    height, width = image_b.shape[:2]
    tile = max(1, math.ceil(max(height, width) / _TILES))
    y, x = np.indices((height, width), sparse=True)
    return np.where(((x // tile + y // tile) % 2 == 0)[..., None], aligned, image_b)


def write_blink(path, aligned, image_b):
    """An animated GIF that shows A and B in turn, for ever."""
    animation = cv2.Animation()
    animation.frames = [cv2.cvtColor(image, cv2.COLOR_RGB2BGR) for image in (aligned, image_b)]
    animation.durations = [_BLINK] * 2
    animation.loop_count = 0
    if not cv2.imwriteanimation(str(path), animation):
        raise OSError(f"{path} cannot be written.")


@contextlib.contextmanager
def video_writer(path, image_a, max_side):
    """Gives a function `(image_b, a_from_b)` that adds B, in the frame of A, to a video.

    Args:
      path: of the video, MPEG-4; written when all is done, if anything was added. None writes none.
      image_a: that sets the size.
      max_side: of the video, in pixels.
    """
    small, small_from_a = shrink(image_a, max_side)
    # Players of MPEG-4 want even sides.
    size = tuple(side + side % 2 for side in arrays.image_size(small))
    if path is None:
        yield lambda image_b, a_from_b: None
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        beside, added = pathlib.Path(folder) / path.name, 0
        codec = cv2.VideoWriter.fourcc(*"mp4v")
        writer = cv2.VideoWriter(str(beside), codec, _FRAMES_PER_SECOND, size)

        def add(image_b, a_from_b):
            nonlocal added
            frame = cv2.warpPerspective(image_b, small_from_a @ a_from_b, size)
            writer.write(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
            added += 1

        try:
            yield add
        finally:
            writer.release()
        if added:
            beside.replace(path)


def panorama(image_a, image_b, b_from_a):
    """Both images on one canvas in the frame of B, one fading into the other along a seam.

    The seam runs where both are equally far from their borders. What would lie further out than
    three times the longest side is cut off.

    Returns:
      `[height, width, 3]`, black where neither reaches.
    """
    size_a, size_b = arrays.image_size(image_a), arrays.image_size(image_b)
    quads = [arrays.transform_points(b_from_a, arrays.corners(size_a)), arrays.corners(size_b)]
    reach = _LARGEST_PANORAMA * max(*size_a, *size_b)
    points = np.concatenate(quads).clip(
        [size_b[0] / 2 - reach / 2, size_b[1] / 2 - reach / 2],
        [size_b[0] / 2 + reach / 2, size_b[1] / 2 + reach / 2],
    )
    low = np.floor(points.min(axis=0)).astype(int)
    size = tuple((np.ceil(points.max(axis=0)).astype(int) - low).tolist())
    canvas_from_b = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]], np.float64)

    placed, depths = [], []
    for image, canvas_from_image in ((image_a, canvas_from_b @ b_from_a), (image_b, canvas_from_b)):
        warped, mask = arrays.warp_image(image, canvas_from_image, size)
        placed.append(warped)
        # A border, as the edge of the canvas is the edge of an image too.
        mask = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
        depths.append(cv2.distanceTransform(mask, cv2.DIST_L2, 5)[1:-1, 1:-1])
    share_of_a = (depths[0] - depths[1]) / _SEAM + 0.5
    share_of_a = np.where(depths[1] > 0, share_of_a.clip(0.0, 1.0), 1.0) * (depths[0] > 0)
    share_of_a = share_of_a[..., None].astype(np.float32)
    return np.round(placed[0] * share_of_a + placed[1] * (1.0 - share_of_a)).astype(np.uint8)
