"""Draw the matches between two images."""

import cv2
import numpy as np

_MAX_DRAWN = 60
_INLIER, _OUTLIER = (40, 200, 60), (220, 60, 50)  # RGB


def draw(
    image_a: np.ndarray,
    image_b: np.ndarray,
    points_a: np.ndarray,
    points_b: np.ndarray,
    inliers: np.ndarray,
) -> np.ndarray:
    """Draw two images side by side, with a line from each matched point of A to that of B.

    At most 60 matches are drawn, spread evenly over all of them.

    Args:
      image_a: uint8 `[height_a, width_a]` or `[height_a, width_a, 3]`, RGB.
      image_b: the same.
      points_a: `[n, 2]`, pixels of A.
      points_b: `[n, 2]`, pixels of B.
      inliers: bool `[n]`: drawn in green, others in red.

    Returns:
      uint8 `[height, width_a + width_b, 3]`, RGB.
    """
    images = [
        cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) if image.ndim == 2 else image
        for image in (image_a, image_b)
    ]
    height = max(image.shape[0] for image in images)
    padded = [np.pad(image, [[0, height - image.shape[0]], [0, 0], [0, 0]]) for image in images]
    canvas = np.ascontiguousarray(np.hstack(padded))
    count = len(points_a)
    chosen = np.unique(np.linspace(0, count - 1, min(count, _MAX_DRAWN)).astype(int))
    # Inliers last: they lie on top.
    for number in sorted(chosen, key=lambda number: bool(inliers[number])):
        color = _INLIER if inliers[number] else _OUTLIER
        begin = np.round(points_a[number]).astype(int)
        end = np.round(points_b[number] + [images[0].shape[1], 0]).astype(int)
        cv2.line(canvas, begin.tolist(), end.tolist(), color, 1, cv2.LINE_AA)
        for point in (begin, end):
            cv2.circle(canvas, point.tolist(), 2, color, -1, cv2.LINE_AA)
    return canvas
