"""Borders that show nothing: black or white around an image that was rotated, warped or boxed.

Two images that share no more than the shape of such a border would be aligned by it.
"""

import cv2
import numpy as np
import numpy.typing as npt

_DARKEST, _BRIGHTEST = 8, 247  # gray levels within which a pixel shows something
_MIN_SHARE = 0.01  # of the image, of borders that are left out
_MIN_RUN = 0.05  # share of the image's outline that is black, or white: below, there is no border
_MEDIAN = 5  # pixels: side of the squares that are smoothed over
_OPENING = 5  # pixels: what is thinner is no border
_MAX_EMPTY_INSIDE = 0.02  # share of the content, which is convex: a border has straight edges
_MARGIN = 3  # pixels inside of the edge that interpolation and JPEG have mixed with the border


def find_content(gray: np.ndarray) -> np.ndarray | None:
    """Find where an image shows something, inside of black or white borders with straight edges.

    Args:
      gray: uint8 `[height, width]`.

    Returns:
      bool `[height, width]`, a convex region; None if there are no such borders, as where a dark
      or bright part of the scene reaches the edge of the image.
    """
    outline = np.concatenate([gray[0], gray[-1], gray[:, 0], gray[:, -1]])
    candidates = [
        value
        for value, share in ((0, (outline < _DARKEST).mean()), (255, (outline > _BRIGHTEST).mean()))
        if share >= _MIN_RUN
    ]
    if not candidates:
        return None
    # Noise puts single brighter pixels into a border, speckle single dark ones into the content.
    smooth = cv2.medianBlur(gray, _MEDIAN)
    for value in candidates:
        content = _inside(smooth > _BRIGHTEST if value else smooth < _DARKEST)
        if content is not None:
            return content
    return None


def find_what_counts(
    gray: np.ndarray, counts: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.bool_] | None:
    """Find where an image counts: inside of its empty borders, and of the user's mask.

    Args:
      gray: uint8 `[height, width]`.
      counts: bool `[height, width]`, where the user says that it counts; None for everywhere.

    Returns:
      bool `[height, width]`; None for everywhere.
    """
    content = find_content(gray)
    if counts is None or content is None:
        return content if counts is None else counts
    both = counts & content
    return both if both.any() else counts


def _inside(is_empty: np.ndarray) -> np.ndarray | None:
    height, width = is_empty.shape
    # What lies outside of the image is empty, too: borders are opened, not eaten away at its edge.
    side = _OPENING
    padded = cv2.copyMakeBorder(
        is_empty.astype(np.uint8), side, side, side, side, cv2.BORDER_CONSTANT, value=1
    )
    opened = cv2.morphologyEx(padded, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    _, labels = cv2.connectedComponents(opened, connectivity=4)
    border = (labels == labels[0, 0])[side:-side, side:-side]
    rows = np.flatnonzero(~border.all(axis=1))
    if len(rows) == 0:
        return None
    # The first and the last pixel of each row have the hull of all.
    first, last = (~border[rows]).argmax(axis=1), width - 1 - (~border[rows, ::-1]).argmax(axis=1)
    ends = np.stack([np.concatenate([first, last]), np.concatenate([rows, rows])], axis=-1)
    hull = cv2.convexHull(ends.astype(np.int32))
    content = cv2.fillConvexPoly(np.zeros((height, width), np.uint8), hull, 1)
    outside = content.size - np.count_nonzero(content)
    empty_inside = np.count_nonzero(border & (content == 1))
    if outside < _MIN_SHARE * content.size or empty_inside > _MAX_EMPTY_INSIDE * (
        content.size - outside
    ):
        return None
    # Only at the border's own edges: `erode` takes what is outside of the image for content.
    eroded = cv2.erode(content, np.ones((2 * _MARGIN + 1,) * 2, np.uint8))
    return eroded.astype(bool) if eroded.any() else None
