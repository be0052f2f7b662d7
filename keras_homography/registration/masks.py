"""Masks: parts of an image that take no part in the registration."""

import cv2
import numpy as np
import numpy.typing as npt

from keras_homography.geometry import arrays
from keras_homography.utils.errors import UserError

_SAMPLED = 5  # pixels: side of the neighborhood that a sample and its gradient need


def check_mask(
    mask: npt.ArrayLike | None, size: tuple[int, int], name: str
) -> npt.NDArray[np.bool_] | None:
    """Check a mask.

    Args:
      mask: bool or uint8 `[height, width]`, not 0 where the image counts, as OpenCV's masks; None
        for all of it.
      size: `(width, height)` of the image.
      name: what messages call it.

    Returns:
      bool `[height, width]`; None if all of the image counts.

    Raises:
      UserError: of another type or size, or nothing is left of the image.
    """
    if mask is None:
        return None
    try:
        array = np.asarray(mask)
    except ValueError:  # lists of several lengths
        raise UserError(f"{name} has rows of several lengths.") from None
    if array.dtype not in (np.bool_, np.uint8):
        raise UserError(
            f"{name} is of type {array.dtype}; a mask is bool or uint8, not 0 where the image "
            "counts."
        )
    if array.shape != size[::-1]:
        raise UserError(
            f"{name} has the shape {array.shape}; it must be that of its image, {size[::-1]}."
        )
    counts = array != 0
    if not counts.any():
        raise UserError(
            f"{name} is 0 everywhere: nothing is left of the image. A mask is not 0 where the "
            "image counts, as OpenCV's; if it marks what to leave out, pass `mask == 0`."
        )
    return None if counts.all() else counts


def fill(gray: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Replace what is masked by a smooth continuation of what is not (pull and push).

    What an image shows where it is masked can then change nothing.

    Args:
      gray: `[height, width]`.
      mask: bool `[height, width]`, where the image counts.

    Returns:
      uint8 `[height, width]`.
    """
    weights = [mask.astype(np.float32)]
    values = [gray.astype(np.float32) * weights[0]]
    while min(values[-1].shape) > 1:
        width, height = arrays.image_size(values[-1])
        half = (width + 1) // 2, (height + 1) // 2
        for levels in (values, weights):
            levels.append(cv2.resize(levels[-1], half, interpolation=cv2.INTER_AREA))
    total = max(float(weights[-1].sum()), 1e-9)
    filled = np.full_like(values[-1], float(values[-1].sum()) / total)
    for value, weight in zip(reversed(values), reversed(weights), strict=True):
        filled = cv2.resize(filled, arrays.image_size(value), interpolation=cv2.INTER_LINEAR)
        filled = np.where(weight > 0, value / np.maximum(weight, 1e-6), filled)
    return np.where(mask, gray, np.clip(np.round(filled), 0, 255)).astype(np.uint8)


def build_levels(
    mask: npt.NDArray[np.bool_] | None, sizes: list[tuple[int, int]]
) -> list[npt.NDArray[np.bool_]] | None:
    """Reduce a mask to the levels of a pyramid.

    Args:
      mask: bool `[height, width]`, where the image counts; None for everywhere.
      sizes: `(width, height)` of the levels, finest first.

    Returns:
      bool, one of each size: where every pixel that a pixel is made of counts; None for None.
    """
    if mask is None:
        return None
    share = mask.astype(np.float32)
    return [cv2.resize(share, size, interpolation=cv2.INTER_AREA) > 1.0 - 1e-4 for size in sizes]


def can_be_sampled(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Where a gray level and its gradient are made of nothing that is masked."""
    around = np.ones([_SAMPLED, _SAMPLED], np.uint8)
    return cv2.erode(mask.astype(np.uint8), around).astype(bool)
