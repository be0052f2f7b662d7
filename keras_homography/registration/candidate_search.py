"""Search for the homography that explains two images best, over initializations and refinement."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from keras_homography.registration import (
    alignment_evidence,
    confidence,
    image_pyramid,
    initialization,
)
from keras_homography.saving import networks

SUFFICIENT_CONFIDENCE = 0.97  # at which no other initialization is tried
_MAX_CORRECTIONS = 2  # by the network, of the best candidate of each group
_COARSE_STEPS, _FINE_STEPS = 12, 5  # of Lucas–Kanade a level, up to the comparison level and beyond

# A name, and a function that gives `a_from_b`, or None.
_Initialization: TypeAlias = tuple[str, Callable[[], np.ndarray | None]]


@dataclasses.dataclass(frozen=True, eq=False)
class Candidate:
    """A refined homography, and the evidence for it.

    Attributes:
      initialization: the name of what it was refined from; None if there is no homography.
      a_from_b: float64 `[3, 3]`, pixels of the full images; None if there is no homography.
      evidence: how well it explains the images.
    """

    initialization: str | None
    a_from_b: np.ndarray | None
    evidence: alignment_evidence.Evidence

    @property
    def probability(self) -> float:
        """Probability that the mean error of the corners of B is below 3 px, 0 to 1."""
        return confidence.probability(self.evidence)


NO_CANDIDATE = Candidate(None, None, alignment_evidence.NO_EVIDENCE)


def find_best(
    network: networks.Network,
    pair: image_pyramid.ImagePair,
    initial_a_from_b: np.ndarray | None = None,
) -> Candidate:
    """Find the homography that explains two images best.

    Initializations are refined up to the comparison level, in groups, the cheapest first, until a
    candidate has sufficient confidence. The best is then refined at full resolution.

    Args:
      network: maps a pair of patches to corner offsets.
      pair: the images.
      initial_a_from_b: `[3, 3]`, pixels of the full images, to be tried first; or None.

    Returns:
      The best candidate; `NO_CANDIDATE` if no window of the images agrees under any of them.
    """
    best = NO_CANDIDATE
    for group in _initializations(network, pair, initial_a_from_b):
        for name, initialize in group:
            best = _better(best, _refine_coarse(pair, name, initialize()))
        best = _correct(network, pair, best)
        if best.probability > SUFFICIENT_CONFIDENCE:
            break
    return _refine_fine(pair, best)


def _initializations(
    network: networks.Network,
    pair: image_pyramid.ImagePair,
    initial_a_from_b: np.ndarray | None,
) -> Iterator[list[_Initialization]]:
    """Yield groups of initializations, the cheapest first."""

    def by_network(**view: int) -> Callable[[], np.ndarray | None]:
        return lambda: initialization.from_network(network, pair, **view)

    if initial_a_from_b is not None:
        yield [("previous", lambda: initial_a_from_b)]
    yield [
        ("network", by_network()),
        ("identity", lambda: np.eye(3) if pair.size_a == pair.size_b else None),
    ]
    yield [("features", lambda: initialization.from_features(pair))]
    yield [
        *((f"turned {90 * turns}", by_network(quarter_turns=turns)) for turns in (1, 2, 3)),
        ("zoomed into A", by_network(zoom_a=2)),
        ("zoomed into B", by_network(zoom_b=2)),
    ]


def _better(candidate: Candidate, other: Candidate) -> Candidate:
    return other if other.evidence.score > candidate.evidence.score else candidate


def _refine_coarse(
    pair: image_pyramid.ImagePair, name: str | None, a_from_b: np.ndarray | None
) -> Candidate:
    """Refine an initialization up to the comparison level."""
    if a_from_b is None or not alignment_evidence.is_plausible(a_from_b, pair.size_a, pair.size_b):
        return NO_CANDIDATE
    refined = pair.refine_to_comparison_level(a_from_b, _COARSE_STEPS)
    return Candidate(name, refined, alignment_evidence.measure_evidence(pair, refined))


def _correct(
    network: networks.Network, pair: image_pyramid.ImagePair, best: Candidate
) -> Candidate:
    """Let the network correct the best candidate, for as long as that makes it better."""
    for _ in range(_MAX_CORRECTIONS):
        if best.a_from_b is None or best.probability > SUFFICIENT_CONFIDENCE:
            break
        corrected = initialization.from_network_after_alignment(network, pair, best.a_from_b)
        better = _better(best, _refine_coarse(pair, best.initialization, corrected))
        if better is best:
            break
        best = better
    return best


def _refine_fine(pair: image_pyramid.ImagePair, best: Candidate) -> Candidate:
    """Refine a candidate at full resolution, unless that destroys it, and complete its evidence."""
    if best.a_from_b is None:
        return best
    a_from_b, evidence = best.a_from_b, best.evidence
    refined = pair.refine_to_full_resolution(a_from_b, _FINE_STEPS)
    refined_evidence = alignment_evidence.measure_evidence(pair, refined)
    # Finer levels only sharpen what is right; what they destroy was not.
    if refined is not None and refined_evidence.score >= 0.9 * evidence.score:
        a_from_b, evidence = refined, refined_evidence
    displaced = alignment_evidence.measure_displaced_matches(pair, a_from_b)
    evidence = dataclasses.replace(evidence, displaced=displaced)
    return Candidate(best.initialization, a_from_b, evidence)
