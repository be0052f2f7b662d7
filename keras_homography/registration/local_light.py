"""Images without local light: the same in a shadow with a hard edge, or under a lamp."""

from collections.abc import Sequence
from typing import overload

import cv2
import numpy as np

_LOCAL_SIDE = 15  # pixels of a level, of the windows that local brightness is removed from
_LOCAL_CONTRAST, _MIN_DEVIATION = 40.0, 4.0  # gray levels: of the result; of noise


def remove_local_light(gray: np.ndarray) -> np.ndarray:
    """Give every part of an image the same brightness and contrast.

    Args:
      gray: uint8 `[height, width]`.

    Returns:
      uint8 `[height, width]`: 128 where a pixel is as bright as its surroundings.
    """
    window, values = (_LOCAL_SIDE, _LOCAL_SIDE), gray.astype(np.float32)
    centered = values - cv2.blur(values, window)
    # Running sums of squares can fall a little below 0.
    deviation = np.sqrt(np.maximum(cv2.blur(centered * centered, window), 0.0))
    scaled = 128.0 + _LOCAL_CONTRAST * centered / (deviation + _MIN_DEVIATION)
    return np.clip(np.round(scaled), 0, 255).astype(np.uint8)


class WithoutLocalLight(Sequence[np.ndarray]):
    """The levels of a pyramid without local light, each computed when it is first used.

    Args:
      pyramid: uint8, finest first.
    """

    def __init__(self, pyramid: Sequence[np.ndarray]) -> None:
        self._pyramid = pyramid
        self._levels: dict[int, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self._pyramid)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[np.ndarray]: ...

    def __getitem__(self, index: int | slice) -> np.ndarray | Sequence[np.ndarray]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if index not in self._levels:
            self._levels[index] = remove_local_light(self._pyramid[index])
        return self._levels[index]
