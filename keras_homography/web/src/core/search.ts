/**
 * Search for the homography that explains two images best, over initializations and refinement:
 * `registration/candidate_search.py` without tilted views.
 */

import { findAlternatives } from "./ambiguity";
import { better, Candidate, NO_CANDIDATE, withAlternatives } from "./candidate";
import { CandidateRefinement } from "./candidate_refinement";
import { probability } from "./confidence";
import { constants } from "./constants";
import { matchFeatures } from "./dense_matching";
import { windowScore } from "./evidence";
import { featuresOf, ImageFeatures } from "./image_features";
import { ImagePair } from "./image_pyramid";
import { ATTEMPTS, describe, ViewSpec } from "./image_views";
import { fromNetwork } from "./initialization";
import { invert, Matrix, multiply, normalize } from "./matrix";
import { FeatureNetwork, PatchNetwork } from "./networks";
import { fitRobustly } from "./robust_fit";

/** The search for the homography of one pair. */
export class Search {
  attempts = 0;
  private readonly refinement: CandidateRefinement;
  private readonly featuresA: ImageFeatures;
  private readonly featuresB: ImageFeatures;

  constructor(
    private readonly network: PatchNetwork,
    matcher: FeatureNetwork,
    private readonly pair: ImagePair,
    private readonly maxAttempts: number,
    private readonly onAttempt: (name: string) => Promise<void> = async () => {},
  ) {
    this.featuresA = featuresOf(matcher, pair.a);
    this.featuresB = featuresOf(matcher, pair.b);
    this.refinement = new CandidateRefinement(matcher, pair, this.featuresB);
  }

  /** Finds the homography that explains the images best; an initial one is tried first. */
  async findBest(initialAFromB: Matrix | null): Promise<Candidate> {
    const { LIKELY, MAX_IN_VAIN, GAIN } = constants.candidate_search;
    let best = NO_CANDIDATE, inVain = 0;
    for (const [name, initialize] of this.initializations(initialAFromB)) {
      if (this.attempts >= this.maxAttempts) break;
      this.attempts++;
      await this.onAttempt(name);
      const former = best;
      best = better(former, await this.refinement.refineCoarse(name, await initialize()));
      const confidence = probability(best.evidence);
      inVain = confidence > probability(former.evidence) + GAIN ? 0 : inVain + 1;
      if (confidence > constants.candidate_refinement.SUFFICIENT_CONFIDENCE) break;
      if (confidence > LIKELY && inVain >= MAX_IN_VAIN) break;
    }
    if (probability(best.evidence) > constants.candidate_search.DOUBTFUL) {
      best = await this.lookElsewhere(best);
    }
    return this.refinement.refineFine(best);
  }

  /** The cheapest and likeliest first. */
  private initializations(initial: Matrix | null): [string, () => Promise<Matrix | null>][] {
    return [
      ...(initial ? [["previous", async () => initial] as [string, () => Promise<Matrix | null>]] : []),
      ["network", () => fromNetwork(this.network, this.pair)],
      ...ATTEMPTS.map(([a, b], i): [string, () => Promise<Matrix | null>] => [
        i === 0 ? "matches" : `matches of ${describe(a)} and ${describe(b)}`,
        () => this.matchViews(a, b),
      ]),
    ];
  }

  /** `a_from_b` from the matches of two views; null if hardly any agree. */
  private async matchViews(specA: ViewSpec, specB: ViewSpec): Promise<Matrix | null> {
    const a = await this.featuresA.of(specA), b = await this.featuresB.of(specB);
    const { pointsA, pointsB } = matchFeatures(a.features, b.features);
    const fit = fitRobustly(pointsA, pointsB, constants.view_matching.THRESHOLD);
    const inliers = fit.inliers.filter(Boolean).length;
    if (!fit.bFromA || inliers < constants.candidate_search.MIN_INLIERS) return null;
    const bFromA = multiply(invert(b.view.viewFromImage), fit.bFromA, a.view.viewFromImage);
    return normalize(invert(bFromA));
  }

  /** Compares a candidate with shifted copies that repeated structure allows, and a turned one. */
  private async lookElsewhere(best: Candidate): Promise<Candidate> {
    let count = 0;
    for (let i = 0; i < constants.candidate_search.MAX_SHIFTS && best.aFromB; i++) {
      const alternatives = findAlternatives(this.pair, best.aFromB);
      count = alternatives.filter((other) => other.isAsGood).length;
      const rival = alternatives.find((other) => other.isBetter);
      if (!rival) break;
      const moved = await this.refinement.refineCoarse(String(best.initialization), rival.aFromB);
      if (!moved.aFromB || windowScore(moved.evidence) <= windowScore(best.evidence)) break;
      best = moved;
    }
    if (
      probability(best.evidence) < constants.candidate_refinement.SUFFICIENT_CONFIDENCE &&
      (await this.refinement.hasTurnedRival(best))
    ) {
      count++;
    }
    return withAlternatives(best, count);
  }
}
