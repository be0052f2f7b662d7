"""Blend two aligned images on one canvas."""

import cv2
import numpy as np

from keras_homography.geometry import arrays

_FADE = 24.0  # pixels, over which one image fades into the other
_MAX_SIDE = 3  # times the longest side of either image


def blend(image_a: np.ndarray, image_b: np.ndarray, b_from_a: np.ndarray) -> np.ndarray:
    """Place both images in the frame of B, and fade from one to the other along a seam.

    The seam runs where both are equally far from their borders. The canvas is cropped to three
    times the longest side of either image.

    Args:
      image_a: uint8 `[height, width, 3]`.
      image_b: uint8 `[height, width, 3]`, of any size.
      b_from_a: float64 `[3, 3]`, pixels of A to pixels of B.

    Returns:
      uint8 `[height, width, 3]`, black where neither image lies.
    """
    size_a, size_b = arrays.image_size(image_a), arrays.image_size(image_b)
    quads = [arrays.transform_points(b_from_a, arrays.corners(size_a)), arrays.corners(size_b)]
    reach = _MAX_SIDE * max(*size_a, *size_b)
    points = np.concatenate(quads).clip(
        [size_b[0] / 2 - reach / 2, size_b[1] / 2 - reach / 2],
        [size_b[0] / 2 + reach / 2, size_b[1] / 2 + reach / 2],
    )
    low = np.floor(points.min(axis=0)).astype(int)
    width, height = (np.ceil(points.max(axis=0)).astype(int) - low).tolist()
    canvas_from_b = np.array([[1, 0, -low[0]], [0, 1, -low[1]], [0, 0, 1]], np.float64)

    placed, depths = [], []
    for image, canvas_from_image in ((image_a, canvas_from_b @ b_from_a), (image_b, canvas_from_b)):
        warped, mask = arrays.warp_image(image, canvas_from_image, (width, height))
        placed.append(warped)
        # The edge of the canvas is an edge of the image too.
        mask = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
        depths.append(cv2.distanceTransform(mask, cv2.DIST_L2, 5)[1:-1, 1:-1])
    share_of_a = (depths[0] - depths[1]) / _FADE + 0.5
    share_of_a = np.where(depths[1] > 0, share_of_a.clip(0.0, 1.0), 1.0) * (depths[0] > 0)
    share_of_a = share_of_a[..., None].astype(np.float32)
    return np.round(placed[0] * share_of_a + placed[1] * (1.0 - share_of_a)).astype(np.uint8)
