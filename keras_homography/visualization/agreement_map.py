"""Where two aligned images agree, drawn over one of them."""

import cv2
import numpy as np

from keras_homography.geometry import arrays

_RED = np.array([255.0, 0.0, 0.0], np.float32)
_OUTSIDE = 0.35  # brightness of what the other image does not cover


def draw(image_b: np.ndarray, agreement: np.ndarray) -> np.ndarray:
    """Draw B in gray, in red where A does not agree, dark where A does not cover it.

    Args:
      image_b: uint8 `[height, width, 3]`, RGB.
      agreement: float32 `[height, width]`, 0 to 1, NaN where A does not cover B; it is resized.

    Returns:
      uint8 `[height, width, 3]`.
    """
    size = arrays.image_size(image_b)
    outside = cv2.resize(np.isnan(agreement).astype(np.float32), size) > 0.5
    shown = cv2.resize(np.nan_to_num(agreement, nan=1.0), size)[..., None]
    gray = cv2.cvtColor(image_b, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    drawn = shown * gray + (1.0 - shown) * (0.4 * gray + 0.6 * _RED)
    drawn[outside] = _OUTSIDE * gray[outside]
    return np.round(drawn).astype(np.uint8)
