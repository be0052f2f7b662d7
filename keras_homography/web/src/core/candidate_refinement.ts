/**
 * Refinement of candidates for the homography of two images, and the evidence for them: as
 * `registration/candidate_refinement.py`.
 */

import { measureEvidence } from "./alignment_evidence";
import { better, Candidate, isRefinedByGray, NO_CANDIDATE, withAlternatives } from "./candidate";
import { probability } from "./confidence";
import { constants } from "./constants";
import { measureDisplacedMatches } from "./displaced_matches";
import { matchScore, NO_EVIDENCE, windowScore } from "./evidence";
import { ImageFeatures } from "./image_features";
import { ImagePair } from "./image_pyramid";
import { AlignedMatcher, AlignedMatches } from "./match_evidence";
import { Matrix, multiply, normalize } from "./matrix";
import { FeatureNetwork } from "./networks";
import { isPlausible, measureStretch } from "./plausibility";

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
    const { SUFFICIENT_CONFIDENCE, HOPELESS } = constants.candidate_refinement;
    if (!aFromB) return NO_CANDIDATE;
    const refined = await this.measure(name, this.refine(aFromB));
    if (probability(refined.evidence) > SUFFICIENT_CONFIDENCE) return refined;
    let best = better(refined, await this.measure(name, aFromB));
    best = better(best, await this.measure(name, this.refineInOtherLight(aFromB, refined)));
    if (!best.aligned || probability(best.evidence) < HOPELESS) return best;
    const corrected = await this.measure(name, best.aligned.correction());
    if (!corrected.aFromB) return best;
    best = better(best, corrected);
    const again = await this.measure(name, this.refine(corrected.aFromB));
    best = better(best, again);
    const other = this.refineInOtherLight(corrected.aFromB, again);
    return better(best, await this.measure(name, other));
  }

  /**
   * Refines by all pixels, and where whole regions disagree also by those that do not: the closest of
   * what the one, the other, and one after the other lead to. All pixels lead to the right place from
   * farther away; what is occluded leads astray.
   */
  private refine(aFromB: Matrix): Matrix | null {
    const { COARSE_STEPS, NOT_CLOSE, REGIONS_DISAGREE } = constants.candidate_refinement;
    const { pair } = this, level = pair.comparisonLevel;
    let closest = pair.refineToComparisonLevel(aFromB, COARSE_STEPS);
    if (closest) {
      const comparison = pair.compare(closest);
      if (comparison.disagreement() < NOT_CLOSE) return closest;
      if (comparison.leftOutShare() < REGIONS_DISAGREE) return closest;
      const other = pair.refine(closest, level, level, COARSE_STEPS, true);
      closest = this.isClearlyCloser(other, closest) ? other : closest;
    }
    const other = pair.refineToComparisonLevel(aFromB, COARSE_STEPS, true);
    return this.isClearlyCloser(other, closest) ? other : closest;
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
      best = await this.comeCloser(best);
      best = isRefinedByGray(best)
        ? await this.refineGrayFinely(best)
        : await this.refineMatchesFinely(best);
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
  private async comeCloser(best: Candidate): Promise<Candidate> {
    if (!best.aFromB) return best;
    const { NOT_CLOSE, SUFFICIENT_CONFIDENCE } = constants.candidate_refinement;
    const isClose = best.evidence.misalignment < NOT_CLOSE;
    if (isClose || probability(best.evidence) > SUFFICIENT_CONFIDENCE) return best;
    const corrected = (await this.correctFinely(best.aFromB)).aFromB;
    for (const matrix of [corrected, this.refine(corrected)]) {
      const other = await this.measure(best.initialization, matrix);
      best = better(best, withAlternatives(other, best.evidence.alternatives));
    }
    return best;
  }

  /** Refines by gray levels at full resolution. */
  private async refineGrayFinely(best: Candidate): Promise<Candidate> {
    const { FINE_STEPS, NOT_CLOSE, DISAGREES } = constants.candidate_refinement;
    const { aFromB } = best;
    if (!aFromB || this.pair.comparisonLevel === 0) return best;
    let refined = this.pair.refineToFullResolution(aFromB, FINE_STEPS);
    const disagreement = this.pair.disagreement(aFromB);
    if (disagreement > NOT_CLOSE) {
      const other = this.pair.refineToFullResolution(aFromB, FINE_STEPS, true);
      refined = this.isClearlyCloser(other, refined) ? other : refined;
    }
    if (disagreement > DISAGREES) {
      const other = this.pair.withoutLocalLight.refineToFullResolution(aFromB, FINE_STEPS);
      refined = this.isClearlyCloser(other, refined) ? other : refined;
    }
    const measured = await this.measure(best.initialization, refined);
    // Finer levels only sharpen what is right; what they destroy was not.
    if (
      windowScore(measured.evidence) >= constants.candidate.NEARLY * windowScore(best.evidence) &&
      matchScore(measured.evidence.matches) >= constants.candidate.NEARLY * matchScore(best.evidence.matches)
    ) {
      return withAlternatives(measured, best.evidence.alternatives);
    }
    return best;
  }

  /** Refines by matches of the largest views. */
  private async refineMatchesFinely(best: Candidate): Promise<Candidate> {
    if (!best.aFromB) return best;
    const aligned = await this.correctFinely(best.aFromB);
    const measured = await this.measure(best.initialization, aligned.aFromB);
    const { alternatives } = best.evidence;
    const fineMatches = aligned.evidence();
    return { ...measured, evidence: { ...measured.evidence, alternatives, fineMatches }, aligned };
  }
}
