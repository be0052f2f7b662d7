"""The result of aligning two images."""

import dataclasses

import numpy as np

from keras_homography.registration import alignment_evidence


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What is known of two images. Falsy where it cannot be trusted.

    Attributes:
      b_from_a: float64 `[3, 3]`, pixels of A to pixels of B; None if falsy.
      a_from_b: its inverse; None if falsy.
      confidence: probability that the mean error of the corners of B is below 3 px.
      reason: why it is falsy; None if it is not.
      evidence: what speaks for the best that was found, `alignment_evidence.Evidence`.
      start: where the refinement began: "previous", "identity", "network", … ; None if nowhere.
      milliseconds: that the estimation took.
    """

    b_from_a: np.ndarray | None
    a_from_b: np.ndarray | None
    confidence: float
    reason: str | None
    evidence: alignment_evidence.Evidence
    start: str | None
    milliseconds: float

    @property
    def homography(self):
        """`b_from_a`, as `cv2.findHomography(points_a, points_b)` gives it."""
        return self.b_from_a

    @property
    def overlap(self):
        """The share of B that A covers, 0 to 1."""
        return self.evidence.overlap

    def __bool__(self):
        return self.reason is None
