"""A candidate for the homography of two images: its evidence, and which of two is better."""

import dataclasses

import numpy as np

from keras_homography.registration import confidence, match_evidence
from keras_homography.registration.evidence import NO_EVIDENCE, Evidence

# Share of windows, and of points that agree precisely: gray levels say more than features then.
_GRAY_AGREES, _GRAY_AGREES_PRECISELY = 0.5, 0.15
_GRAY_SAYS_WHICH = 0.3  # share of windows, from which gray levels say which of two is closer
NEARLY = 0.9  # of a score: what is no worse
# Share of points that agree precisely, and how many times that of another candidate: hardly any
# homography has as many that is wrong, whatever else speaks for it.
_PRECISE, _MORE_PRECISE = 0.08, 1.5
_AS_LIKELY = 1.0  # difference of the logarithms of the odds of two that are about as likely


@dataclasses.dataclass(frozen=True, eq=False)
class Candidate:
    """A refined homography, and the evidence for it.

    Attributes:
      initialization: the name of what it was refined from; None if there is no homography.
      a_from_b: float64 `[3, 3]`, pixels of the full images; None if there is no homography.
      evidence: how well it explains the images.
      aligned: the matches behind the evidence; None if there is no homography.
      rivals: other homographies that explain the images as well, float64 `[3, 3]` each.
    """

    initialization: str | None
    a_from_b: np.ndarray | None
    evidence: Evidence
    aligned: match_evidence.AlignedMatches | None = None
    rivals: tuple[np.ndarray, ...] = ()

    @property
    def probability(self) -> float:
        """Probability that the mean error of the corners of B is below 3 px, 0 to 1."""
        return confidence.probability(self.evidence)

    def with_rivals(self, rivals: tuple[np.ndarray, ...]) -> "Candidate":
        """Return the candidate with other homographies that explain the images as well."""
        evidence = dataclasses.replace(self.evidence, alternatives=len(rivals))
        return dataclasses.replace(self, evidence=evidence, rivals=rivals)

    def with_fine_matches(self, aligned: match_evidence.AlignedMatches) -> "Candidate":
        """Return the candidate with the matches of the largest view as further evidence."""
        evidence = dataclasses.replace(self.evidence, fine_matches=aligned.evidence())
        return dataclasses.replace(self, evidence=evidence, aligned=aligned)

    @property
    def is_refined_by_gray(self) -> bool:
        """Whether gray levels refine it at full resolution; else the matches do."""
        evidence = self.evidence
        precisely = evidence.precise_share >= _GRAY_AGREES_PRECISELY
        return precisely or evidence.share >= _GRAY_AGREES


NO_CANDIDATE = Candidate(None, None, NO_EVIDENCE)


def better(candidate: Candidate, other: Candidate) -> Candidate:
    """The candidate that is likelier to be right; of two that are about as likely, the closer one.

    Whether a homography is right says little about how precise it is. Gray levels say that: most
    of all where they agree precisely, else where they agree at all, and no fewer for the closer.

    Args:
      candidate: is kept if the other is no better.
      other: to be compared.
    """
    precise = candidate.evidence.precise_share, other.evidence.precise_share
    if max(precise) > _PRECISE and max(precise) > _MORE_PRECISE * min(precise):
        return other if precise[1] > precise[0] else candidate
    gain = confidence.log_odds(other.evidence) - confidence.log_odds(candidate.evidence)
    if abs(gain) < _AS_LIKELY:
        closer, farther = candidate, other
        if other.evidence.misalignment < candidate.evidence.misalignment:
            closer, farther = other, candidate
        agrees = min(closer.evidence.share, farther.evidence.share) > _GRAY_SAYS_WHICH
        if agrees and closer.evidence.score > NEARLY * farther.evidence.score:
            return closer
    return other if gain > 0 else candidate
