/**
 * Refinement of candidates for the homography of two images, and the evidence for them: as
 * `registration/candidate_refinement.py`.
 */

import { measureEvidence } from "./alignment_evidence";
import { logOdds, probability } from "./confidence";
import { constants } from "./constants";
import { measureDisplacedMatches } from "./displaced_matches";
import { Evidence, matchScore, NO_EVIDENCE, windowScore, windowShare } from "./evidence";
import { ImageFeatures } from "./image_features";
import { ImagePair } from "./image_pyramid";
import { AlignedMatcher, AlignedMatches } from "./match_evidence";
import { Matrix, multiply, normalize } from "./matrix";
import { FeatureNetwork } from "./networks";
import { isPlausible, measureStretch } from "./plausibility";

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

/**
 * The candidate that is likelier to be right; of two that are about as likely, the closer one, as
 * gray levels see it where they agree at all, and where no fewer agree for it.
 */
export function better(candidate: Candidate, other: Candidate): Candidate {
  const { AS_LIKELY, GRAY_SAYS_WHICH, NEARLY } = constants.candidate;
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

/** Refines candidates of one pair, and measures the evidence for them. */
export class CandidateRefinement {
  private readonly aligned: AlignedMatcher;

  constructor(
    matcher: FeatureNetwork,
    private readonly pair: ImagePair,
    featuresB: ImageFeatures,
  ) {
    this.aligned = new AlignedMatcher(matcher, pair, featuresB);
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

  /**
   * Corrects a homography by matches of the largest views, while more of them agree: the matches
   * under the best homography, which they hold.
   */
  private async correctFinely(aFromB: Matrix): Promise<AlignedMatches> {
    const { sizeA, sizeB } = this.pair;
    let best = await this.aligned.matchFinely(aFromB);
    for (let i = 0; i < constants.candidate_refinement.FINE_CORRECTIONS; i++) {
      const corrected = best.correction();
      if (!corrected || !isPlausible(corrected, sizeA, sizeB)) break;
      const aligned = await this.aligned.matchFinely(corrected);
      if (matchScore(aligned.evidence()) < matchScore(best.evidence())) break;
      best = aligned;
    }
    return best;
  }

  /**
   * Finds out whether A upside down, within its outline, matches B about as well. Then what matches
   * is the outline of both, or the scene looks the same when it is turned.
   */
  async hasTurnedRival(best: Candidate): Promise<boolean> {
    const { agreeing } = best.evidence.matches;
    if (!best.aFromB || !agreeing) return false;
    const { width, height } = this.pair.sizeA;
    const turned = normalize(multiply([-1, 0, width - 1, 0, -1, height - 1, 0, 0, 1], best.aFromB));
    if (!turned) return false;
    const control = (await this.aligned.match(turned)).evidence();
    return control.agreeing > constants.candidate_refinement.RIVALS * agreeing;
  }

  /** Refines a candidate at full resolution, unless that destroys it; completes its evidence. */
  async refineFine(best: Candidate): Promise<Candidate> {
    const { NOT_WORTH_REFINING } = constants.candidate_refinement;
    if (best.aFromB && probability(best.evidence) >= NOT_WORTH_REFINING) {
      best =
        windowShare(best.evidence) >= constants.candidate.GRAY_AGREES
          ? await this.refineGrayFinely(await this.comeCloser(best, best.aFromB))
          : await this.refineMatchesFinely(best, best.aFromB);
    }
    if (!best.aFromB) return best;
    const displaced = measureDisplacedMatches(this.pair, best.aFromB);
    const stretch = measureStretch(best.aFromB, this.pair.sizeA, this.pair.sizeB);
    return { ...best, evidence: { ...best.evidence, displaced, stretch } };
  }

  /**
   * Corrects a candidate by matches of the largest views, then by gray levels, where it helps: gray
   * levels that change with light, or that something covers, can stop short of it.
   */
  private async comeCloser(best: Candidate, aFromB: Matrix): Promise<Candidate> {
    const { COARSE_STEPS, NOT_CLOSE, SUFFICIENT_CONFIDENCE } = constants.candidate_refinement;
    const isClose = best.evidence.misalignment < NOT_CLOSE;
    if (isClose || probability(best.evidence) > SUFFICIENT_CONFIDENCE) return best;
    const corrected = (await this.correctFinely(aFromB)).aFromB;
    for (const matrix of [corrected, this.pair.refineToComparisonLevel(corrected, COARSE_STEPS)]) {
      const { evidence, ...other } = await this.measure(best.initialization, matrix);
      const { alternatives } = best.evidence;
      best = better(best, { ...other, evidence: { ...evidence, alternatives } });
    }
    return best;
  }

  /** Refines by gray levels at full resolution. */
  private async refineGrayFinely(best: Candidate): Promise<Candidate> {
    const { FINE_STEPS, DISAGREES } = constants.candidate_refinement;
    const { aFromB } = best;
    if (!aFromB) return best;
    let refined = this.pair.refineToFullResolution(aFromB, FINE_STEPS);
    if (this.pair.disagreement(aFromB) > DISAGREES) {
      const other = this.pair.withoutLocalLight.refineToFullResolution(aFromB, FINE_STEPS);
      refined = this.isClearlyCloser(other, refined) ? other : refined;
    }
    const measured = await this.measure(best.initialization, refined);
    // Finer levels only sharpen what is right; what they destroy was not.
    if (
      windowScore(measured.evidence) >= constants.candidate.NEARLY * windowScore(best.evidence) &&
      matchScore(measured.evidence.matches) >= constants.candidate.NEARLY * matchScore(best.evidence.matches)
    ) {
      const { alternatives } = best.evidence;
      return { ...measured, evidence: { ...measured.evidence, alternatives } };
    }
    return best;
  }

  /** Refines by matches of the largest views. */
  private async refineMatchesFinely(best: Candidate, aFromB: Matrix): Promise<Candidate> {
    const aligned = await this.correctFinely(aFromB);
    const measured = await this.measure(best.initialization, aligned.aFromB);
    const { alternatives } = best.evidence;
    const fineMatches = aligned.evidence();
    return { ...measured, evidence: { ...measured.evidence, alternatives, fineMatches }, aligned };
  }
}
