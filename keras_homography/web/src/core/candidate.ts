/** A candidate for the homography of two images: its evidence, and which of two is better. */

import { logOdds } from "./confidence";
import { constants } from "./constants";
import { Evidence, NO_EVIDENCE, windowScore, windowShare } from "./evidence";
import { AlignedMatches } from "./match_evidence";
import { Matrix } from "./matrix";

/** A refined homography, and the evidence for it. */
export interface Candidate {
  readonly initialization: string | null;
  readonly aFromB: Matrix | null;
  readonly evidence: Evidence;
  readonly aligned: AlignedMatches | null;
}

export const NO_CANDIDATE: Candidate = {
  initialization: null,
  aFromB: null,
  evidence: NO_EVIDENCE,
  aligned: null,
};

/** The same with the number of other homographies that explain the images as well. */
export function withAlternatives(candidate: Candidate, alternatives: number): Candidate {
  return { ...candidate, evidence: { ...candidate.evidence, alternatives } };
}

/** Whether gray levels refine a candidate at full resolution; else the matches do. */
export function isRefinedByGray({ evidence }: Candidate): boolean {
  const { GRAY_AGREES, GRAY_AGREES_PRECISELY } = constants.candidate;
  return evidence.preciseShare >= GRAY_AGREES_PRECISELY || windowShare(evidence) >= GRAY_AGREES;
}

/**
 * The candidate that clearly more points agree with precisely; else the one that is likelier to be
 * right; of two that are about as likely, the closer one, as gray levels see it where they agree at
 * all, and where no fewer agree for it.
 */
export function better(candidate: Candidate, other: Candidate): Candidate {
  const { AS_LIKELY, GRAY_SAYS_WHICH, MORE_PRECISE, NEARLY, PRECISE } = constants.candidate;
  const precise = candidate.evidence.preciseShare, otherPrecise = other.evidence.preciseShare;
  const most = Math.max(precise, otherPrecise), least = Math.min(precise, otherPrecise);
  if (most > PRECISE && most > MORE_PRECISE * least) {
    return otherPrecise > precise ? other : candidate;
  }
  const gain = logOdds(other.evidence) - logOdds(candidate.evidence);
  if (Math.abs(gain) < AS_LIKELY) {
    const isOther = other.evidence.misalignment < candidate.evidence.misalignment;
    const [closer, farther] = isOther ? [other, candidate] : [candidate, other];
    const share = Math.min(windowShare(closer.evidence), windowShare(farther.evidence));
    const isNoWorse = windowScore(closer.evidence) > NEARLY * windowScore(farther.evidence);
    if (share > GRAY_SAYS_WHICH && isNoWorse) return closer;
  }
  return gain > 0 ? other : candidate;
}
