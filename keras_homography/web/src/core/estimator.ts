/** The homography between two images, or a reason why not: what `HomographyEstimator` does. */

import { probability } from "./confidence";
import { constants, ReasonCode } from "./constants";
import { Evidence, NO_EVIDENCE } from "./evidence";
import { ImagePair, PreparedImage } from "./image_pyramid";
import { invert, Matrix, normalize } from "./matrix";
import { FeatureNetwork, PatchNetwork } from "./networks";
import { checkEvidence, checkSizes, checkTexture, Refusal } from "./refusals";
import { Search } from "./search";

/** As `registration.result.Estimate` in Python. */
export interface Estimate {
  readonly ok: boolean;
  readonly confidence: number;
  readonly overlap: number;
  readonly reason: string | null;
  readonly reasonCode: ReasonCode | null;
  readonly aFromB: Matrix | null;
  readonly bFromA: Matrix | null;
  /** The best that was found, also where it is refused. */
  readonly bestAFromB: Matrix | null;
  readonly start: string | null;
  readonly attempts: number;
  readonly evidence: Evidence;
}

export interface Options {
  /** Tried first, as the answer of the frame before. */
  readonly initialAFromB?: Matrix | null;
  readonly maxAttempts?: number;
  /** Called before each attempt, with the name of its initialization; may reject to end it. */
  readonly onAttempt?: (name: string) => Promise<void>;
}

/** Estimates the homography between two images. */
export async function estimate(
  network: PatchNetwork,
  matcher: FeatureNetwork,
  a: PreparedImage,
  b: PreparedImage,
  options: Options = {},
): Promise<Estimate> {
  const refusal = checkSizes(a.gray, b.gray) ?? checkTexture(a.pyramid, b.pyramid);
  if (refusal) return summarize(null, NO_EVIDENCE, null, 0, refusal);
  const { MIN_CONFIDENCE, UNTILTED_ATTEMPTS } = constants.estimator;
  const search = new Search(
    network,
    matcher,
    new ImagePair(a, b),
    options.maxAttempts ?? UNTILTED_ATTEMPTS,
    options.onAttempt,
  );
  const { aFromB, evidence, initialization } = await search.findBest(options.initialAFromB ?? null);
  const doubt = checkEvidence(evidence, MIN_CONFIDENCE);
  return summarize(aFromB, evidence, initialization, search.attempts, doubt);
}

function summarize(
  bestAFromB: Matrix | null,
  evidence: Evidence,
  start: string | null,
  attempts: number,
  refusal: Refusal | null,
): Estimate {
  const aFromB = refusal ? null : bestAFromB;
  return {
    ok: !refusal,
    confidence: probability(evidence),
    overlap: evidence.overlap,
    reason: refusal?.sentence ?? null,
    reasonCode: refusal?.code ?? null,
    aFromB,
    bFromA: aFromB && normalize(invert(aFromB)),
    bestAFromB,
    start,
    attempts,
    evidence,
  };
}
