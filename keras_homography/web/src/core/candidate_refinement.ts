/**
 * Refinement of candidates for the homography of two images, and the evidence for them: as
 * `registration/candidate_refinement.py`.
 */

import { measureEvidence } from "./alignment_evidence";
import { logOdds, probability } from "./confidence";
import { constants } from "./constants";
import { measureDisplacedMatches } from "./displaced_matches";
import { Evidence, matchScore, NO_EVIDENCE, windowScore, windowShare } from "./evidence";
import { ImagePair } from "./image_pyramid";
import { AlignedMatcher, AlignedMatches } from "./match_evidence";
import { Matrix } from "./matrix";
import { FeatureNetwork } from "./networks";
import { measureStretch } from "./plausibility";

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

/** The candidate whose evidence makes it likelier to be right. */
export function better(candidate: Candidate, other: Candidate): Candidate {
  return logOdds(other.evidence) > logOdds(candidate.evidence) ? other : candidate;
}

/** Refines candidates of one pair, and measures the evidence for them. */
export class CandidateRefinement {
  private readonly aligned: AlignedMatcher;

  constructor(
    matcher: FeatureNetwork,
    private readonly pair: ImagePair,
  ) {
    this.aligned = new AlignedMatcher(matcher, pair);
  }

  /** A candidate with its evidence; none if it is not plausible. */
  private async measure(name: string | null, aFromB: Matrix | null): Promise<Candidate> {
    const evidence = measureEvidence(this.pair, aFromB);
    if (!aFromB || evidence === NO_EVIDENCE) return NO_CANDIDATE;
    const aligned = await this.aligned.match(aFromB);
    const matches = aligned.evidence();
    return { initialization: name, aFromB, evidence: { ...evidence, matches }, aligned };
  }

  /**
   * Refines an initialization up to the comparison level. Refinement can destroy what is right, so
   * the initialization stays a candidate; matches that remain correct what gray levels cannot.
   */
  async refineCoarse(name: string, aFromB: Matrix | null): Promise<Candidate> {
    const { COARSE_STEPS, SUFFICIENT_CONFIDENCE, HOPELESS } = constants.candidate_refinement;
    if (!aFromB) return NO_CANDIDATE;
    const { pair } = this;
    const refined = await this.measure(name, pair.refineToComparisonLevel(aFromB, COARSE_STEPS));
    if (probability(refined.evidence) > SUFFICIENT_CONFIDENCE) return refined;
    let best = better(refined, await this.measure(name, aFromB));
    best = better(best, await this.measure(name, this.refineInOtherLight(aFromB, refined)));
    if (!best.aligned || probability(best.evidence) < HOPELESS) return best;
    const corrected = await this.measure(name, best.aligned.correction());
    if (!corrected.aFromB) return best;
    best = better(best, corrected);
    const matrix = pair.refineToComparisonLevel(corrected.aFromB, COARSE_STEPS);
    const again = await this.measure(name, matrix);
    best = better(best, again);
    const other = this.refineInOtherLight(corrected.aFromB, again);
    return better(best, await this.measure(name, other));
  }

  /**
   * Refines without local light, where gray levels misled: in a shadow with a hard edge. Null if
   * that explains the images no better than what gray levels made of it.
   */
  private refineInOtherLight(aFromB: Matrix, refined: Candidate): Matrix | null {
    const pair = this.pair.withoutLocalLight;
    const steps = constants.candidate_refinement.COARSE_STEPS;
    const other = pair.refineToComparisonLevel(aFromB, steps);
    return this.isClearlyCloser(other, refined.aFromB) ? other : null;
  }

  /** Whether the images disagree less under one matrix, whatever the light. */
  private isClearlyCloser(matrix: Matrix | null, other: Matrix | null): boolean {
    if (!matrix || !other) return matrix !== null;
    const pair = this.pair.withoutLocalLight;
    const { CLEARLY_CLOSER } = constants.candidate_refinement;
    return pair.disagreement(matrix) < CLEARLY_CLOSER * pair.disagreement(other);
  }

  /** Corrects a homography by matches of the largest views. */
  private async correctFinely(aFromB: Matrix): Promise<Matrix | null> {
    let corrected: Matrix | null = aFromB;
    for (let i = 0; i < constants.candidate_refinement.FINE_CORRECTIONS && corrected; i++) {
      corrected = (await this.aligned.match(corrected, 1)).correction();
    }
    return corrected;
  }

  private refineGrayLevels(aFromB: Matrix): Matrix | null {
    const { FINE_STEPS, DISAGREES } = constants.candidate_refinement;
    const refined = this.pair.refineToFullResolution(aFromB, FINE_STEPS);
    if (this.pair.disagreement(aFromB) <= DISAGREES) return refined;
    const other = this.pair.withoutLocalLight.refineToFullResolution(aFromB, FINE_STEPS);
    return this.isClearlyCloser(other, refined) ? other : refined;
  }

  /** Refines a candidate at full resolution, unless that destroys it; completes its evidence. */
  async refineFine(best: Candidate): Promise<Candidate> {
    if (!best.aFromB) return best;
    const grayAgrees = windowShare(best.evidence) >= constants.candidate_refinement.GRAY_AGREES;
    const refined = grayAgrees
      ? this.refineGrayLevels(best.aFromB)
      : await this.correctFinely(best.aFromB);
    const measured = await this.measure(best.initialization, refined);
    // Finer levels only sharpen what is right; what they destroy was not.
    if (
      windowScore(measured.evidence) >= 0.9 * windowScore(best.evidence) &&
      matchScore(measured.evidence.matches) >= 0.9 * matchScore(best.evidence.matches)
    ) {
      const { alternatives } = best.evidence;
      best = { ...measured, evidence: { ...measured.evidence, alternatives } };
    }
    if (!best.aFromB) return best;
    const displaced = measureDisplacedMatches(this.pair, best.aFromB);
    const stretch = measureStretch(best.aFromB, this.pair.sizeA, this.pair.sizeB);
    return { ...best, evidence: { ...best.evidence, displaced, stretch } };
  }
}
