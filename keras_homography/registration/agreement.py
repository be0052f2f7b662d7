"""Where two aligned images agree: what moved, what is occluded, what changed."""

import cv2
import numpy as np
import numpy.typing as npt

from keras_homography.geometry import arrays
from keras_homography.registration import alignment_evidence, image_pyramid, lucas_kanade

_SIGMA = 3.0  # pixels of the comparison level, of the Gaussian window
_SCALE = 3.0  # times the median difference: a difference that counts a quarter
_MIN_DIFFERENCE = 6.0  # gray levels: what shading changes anyway
_MIN_COVERED = 0.5  # of a window's weight


def map_agreement(
    pair: image_pyramid.ImagePair,
    a_from_b: np.ndarray,
    toned_by: image_pyramid.ImagePair | None = None,
) -> npt.NDArray[np.float32]:
    """Map where A, aligned by a homography, agrees with B.

    The product of two things, at the level of at most 320 pixels a side: how gray levels correlate
    in a window around each pixel (the structure term of SSIM: Wang et al. 2004), and how near
    their means are once the tone curve between the images is taken off.

    Args:
      pair: the images.
      a_from_b: `[3, 3]`, pixels of the full images.
      toned_by: the part of the images that the tone curve between them is taken from; None for all.

    Returns:
      float32 `[height, width]` of B: 1 where A agrees, 0 where it does not, NaN where A does not
      cover B or one of them is masked.
    """
    level, level_a_from_b = pair.at(a_from_b, pair.comparison_level)
    warped, covered = level.align(level_a_from_b)
    toned_level, _ = (toned_by or pair).at(a_from_b, pair.comparison_level)
    tone = lucas_kanade.Comparison(toned_level, level_a_from_b)
    toned = tone.apply_tone(warped.astype(np.float32))
    agreement = _agreement(toned, level.gray_b.astype(np.float32), covered.astype(np.float32))
    # From the level to the full image; where A covers that is decided at full resolution.
    full_from_level = np.linalg.inv(arrays.resizing(pair.size_b, arrays.image_size(level.gray_b)))
    full = cv2.warpPerspective(
        agreement, full_from_level, pair.size_b, borderMode=cv2.BORDER_REPLICATE
    )
    mask_a = np.ones(pair.size_a[::-1], np.float32)
    if pair.masks_a is not None:
        mask_a = pair.masks_a[0].astype(np.float32)
    full[cv2.warpPerspective(mask_a, np.linalg.inv(a_from_b), pair.size_b) < 1.0 - 1e-4] = np.nan
    if pair.masks_b is not None:
        full[~pair.masks_b[0]] = np.nan
    return full


def _agreement(
    a: npt.NDArray[np.float32], b: npt.NDArray[np.float32], covered: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Agreement of two images of one size, 0 to 1; 1 where A does not cover B."""

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(values * covered, (0, 0), _SIGMA) / share

    share = cv2.GaussianBlur(covered, (0, 0), _SIGMA) + 1e-6
    mean_a, mean_b = mean(a), mean(b)
    variance_a, variance_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    floor = alignment_evidence.MIN_TEXTURE**2
    # Both without texture agree; one without does not agree with one that has some.
    structure = (mean(a * b) - mean_a * mean_b + floor) / (
        np.sqrt((np.maximum(variance_a, 0.0) + floor) * (np.maximum(variance_b, 0.0) + floor))
    )
    difference = np.abs(mean_a - mean_b)
    visible = share > _MIN_COVERED
    scale = _MIN_DIFFERENCE
    if visible.any():
        scale = max(scale, _SCALE * float(np.median(difference[visible])))
    nearness = 1.0 / (1.0 + np.square(difference / scale)) ** 2
    agreement = np.clip(structure, 0.0, 1.0) * nearness
    return np.where(visible, agreement, 1.0).astype(np.float32)
