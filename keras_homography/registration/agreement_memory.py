"""Which parts of A lately agreed with the frames of a video.

What moved before A's camera, and is not there any more, agrees with no frame. Without a memory it
misleads when something like it comes back.
"""

import numpy as np
import numpy.typing as npt

from keras_homography.geometry import arrays
from keras_homography.registration import (
    dominant_motion,
    image_pyramid,
    lucas_kanade,
    motion_models,
)
from keras_homography.registration.lucas_kanade_level import Floats, Level
from keras_homography.registration.motion_models import Motion

_COLUMNS, _ROWS = 32, 24  # cells of A
_COARSE_MOTIONS = {Motion.HOMOGRAPHY: Motion.SIMILARITY, Motion.AFFINE: Motion.SIMILARITY}
_RATE = 0.15  # of a frame, in the running mean of a cell


class AgreementMemory:
    """A running mean, for each cell of A, of how far it agrees with frames."""

    def __init__(self) -> None:
        self._means = np.ones(_COLUMNS * _ROWS)

    def weights(self, level: Level, a_from_b: npt.NDArray[np.float64]) -> Floats:
        """Weigh the points of a frame.

        Args:
          level: A and the frame.
          a_from_b: `[3, 3]`, pixels of the level.

        Returns:
          `[points]`, 0 to 1.
        """
        return np.square(self._means)[_cells(level, a_from_b)].astype(np.float32)

    def update(self, level: Level, a_from_b: npt.NDArray[np.float64]) -> None:
        """Remember how far a frame agrees.

        Args:
          level: A and the frame, not weighted.
          a_from_b: `[3, 3]`, pixels of the level, refined.
        """
        agreement = lucas_kanade.Comparison(level, a_from_b).agreement()
        seen = np.isfinite(agreement)
        cells = _cells(level, a_from_b)[seen]
        counts = np.bincount(cells, minlength=len(self._means))
        sums = np.bincount(cells, agreement[seen], minlength=len(self._means))
        change = sums / np.maximum(counts, 1) - self._means
        self._means += _RATE * np.where(counts > 0, change, 0.0)


def _cells(level: Level, a_from_b: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The cell of A that each point of a frame lies in, or is next to, `[points]`."""
    u, v, _ = level.project(a_from_b)
    width, height = arrays.image_size(level.gray_a)
    column = np.clip(u * (_COLUMNS / width), 0, _COLUMNS - 1).astype(np.int64)
    row = np.clip(v * (_ROWS / height), 0, _ROWS - 1).astype(np.int64)
    return row * _COLUMNS + column


class RememberingPair(image_pyramid.ImagePair):
    """A and a frame, whose points are weighed by what agreed in the frames before.

    Args:
      image_a: prepared.
      frame: prepared.
      motion: the model of the motion between them.
      memory: of the frames before.
    """

    def __init__(
        self,
        image_a: image_pyramid.PreparedImage,
        frame: image_pyramid.PreparedImage,
        motion: Motion,
        memory: AgreementMemory,
    ) -> None:
        super().__init__(image_a, frame, motion=motion)
        self._memory = memory
        self._follows: npt.NDArray[np.bool_] | None = None

    def at(self, a_from_b: np.ndarray, index: int) -> tuple[Level, np.ndarray]:
        """Select levels as `ImagePair` does; their points are weighed."""
        level, level_a_from_b = super().at(a_from_b, index)
        weights = self._memory.weights(level, level_a_from_b)
        if self._follows is not None:
            weights = weights * self._follows[dominant_motion.cells(level)]
        return level.weighted(weights), level_a_from_b

    def refine_coarsely(self, a_from_b: np.ndarray, steps: int) -> np.ndarray | None:
        """Refine a homography on the levels below the comparison level, by similarities alone.

        There a thing that moves otherwise, with more texture than the rest, would tilt it.

        Args:
          a_from_b: `[3, 3]`, expected.
          steps: of Lucas–Kanade on each level, at most.

        Returns:
          The refined `a_from_b`; None if it diverges.
        """
        self._follows = None
        possible_steps = motion_models.possible_steps(_COARSE_MOTIONS.get(self.motion, self.motion))
        for index in range(len(self.pyramid_b) - 1, self.comparison_level, -1):
            level, level_a_from_b = self.at(a_from_b, index)
            refined = lucas_kanade.refine_level(level, level_a_from_b, steps, possible_steps)
            if refined is None:
                return None
            level_from_a, level_from_b = self._resizings(level)
            a_from_b = np.linalg.inv(level_from_a) @ refined @ level_from_b
        return arrays.normalize(a_from_b)

    def follow_most(self, a_from_b: np.ndarray) -> None:
        """Let what moves otherwise than most of the frame count no more.

        Args:
          a_from_b: `[3, 3]`, refined up to the comparison level.
        """
        self._follows = None  # every cell has a vote
        level, level_a_from_b = self.at(a_from_b, self.comparison_level)
        self._follows = dominant_motion.find_followers(level, level_a_from_b)

    def remember(self, a_from_b: np.ndarray) -> None:
        """Update the memory by what agrees under a homography, `[3, 3]`, that was verified."""
        self._memory.update(*super().at(a_from_b, self.comparison_level))
