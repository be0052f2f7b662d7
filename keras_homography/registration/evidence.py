"""Evidence for a homography: what windows of gray levels and matches of features say about it."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class MatchEvidence:
    """What the matches of two aligned images say about a homography.

    Attributes:
      matches: number of mutual matches between cells where the images overlap.
      agreeing: number of these that stay in their place.
      spread: area of the convex hull of the agreeing cells, as a share of what counts of B.
      residual: median displacement of the agreeing matches, in pixels of the view.
      inner_matches: number of the matches in the inner half of where the images overlap.
      inner_agreeing: number of these that stay in their place: few where two scenes share no more
        than a frame.
    """

    matches: int
    agreeing: int
    spread: float
    residual: float
    inner_matches: int = 0
    inner_agreeing: int = 0

    @property
    def share(self) -> float:
        """Share of matches that agree, shrunk towards 0 where there are few."""
        return _shrunk_share(self.agreeing, self.matches)

    @property
    def inner_share(self) -> float:
        """The same of the inner half of where the images overlap."""
        return _shrunk_share(self.inner_agreeing, self.inner_matches)

    @property
    def score(self) -> float:
        """What candidates are ranked by: number of agreeing matches times their share."""
        return self.agreeing * self.share


def _shrunk_share(agreeing: int, matches: int) -> float:
    return agreeing / (matches + 8.0)


NO_MATCHES = MatchEvidence(0, 0, 0.0, np.inf)


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What the windows of B say about a homography.

    Attributes:
      overlap: share of what counts of B that A covers.
      windows: number of textured windows of B that A covers.
      agreeing: number of these that correlate with A.
      spread: area of the convex hull of the agreeing windows, as a share of what counts of B.
      disagreement: mean distance between the images in pixels of the comparison level, see
        `lucas_kanade.Comparison.disagreement`; the lower of that of gray levels and that without
        local light.
      displaced: share of textured parts of B whose best match in A is over 2 pixels from where the
        homography puts it; 0 until `measure_displaced_matches` is called.
      matches: what dense features say; nothing until `AlignedMatcher.match` is called.
      fine_matches: the same in the largest view; None unless they refined the homography.
      alternatives: number of other homographies that explain the images as well, see `ambiguity`.
      stretch: how obliquely one image sees what the two share, see `measure_stretch`; 1 until then.
      misalignment: the same for a comparison of two homographies that are about as likely: the
        geometric mean of that of gray levels and that without local light; up to 0.3 the former.
      precise_share: share of the points with texture that agree within a quarter of a pixel, at the
        comparison level, see `lucas_kanade.Comparison.precise_share`.
    """

    overlap: float
    windows: int
    agreeing: int
    spread: float
    disagreement: float
    displaced: float = 0.0
    matches: MatchEvidence = NO_MATCHES
    fine_matches: MatchEvidence | None = None
    alternatives: int = 0
    stretch: float = 1.0
    misalignment: float = np.inf
    precise_share: float = 0.0

    @property
    def share(self) -> float:
        """Share of windows that agree, shrunk towards 0 where there are few."""
        return self.agreeing / (self.windows + 4.0)

    @property
    def score(self) -> float:
        """What candidates are ranked by: number of agreeing windows times their share."""
        return self.agreeing * self.share


NO_EVIDENCE = Evidence(0.0, 0, 0, 0.0, np.inf)
