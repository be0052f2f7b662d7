/** When two images are refused, and why: as `registration/refusals.py`. */

import { texturedShare } from "./alignment_evidence";
import { probability } from "./confidence";
import { constants, ReasonCode } from "./constants";
import { Evidence, innerShare, matchShare, windowShare } from "./evidence";
import { Gray } from "./gray";
import { comparisonLevel } from "./image_pyramid";

export interface Refusal {
  readonly code: ReasonCode;
  readonly sentence: string;
}

/** The sentences of some codes name the image. */
function refusal(code: ReasonCode, image?: string, gray?: Gray): Refusal {
  const sentence = constants.refusals.SENTENCES[code]
    .replace("{name}", image ?? "")
    .replace("{width}", String(gray?.width))
    .replace("{height}", String(gray?.height));
  return { code, sentence };
}

/** Refuses images that are too small. */
export function checkSizes(grayA: Gray, grayB: Gray): Refusal | null {
  for (const [name, gray] of [["A", grayA], ["B", grayB]] as const) {
    if (Math.min(gray.width, gray.height) < constants.refusals.MIN_SIDE) {
      return refusal("image_too_small", name, gray);
    }
  }
  return null;
}

/** Refuses images that are nearly uniform. */
export function checkTexture(pyramidA: readonly Gray[], pyramidB: readonly Gray[]): Refusal | null {
  for (const [name, pyramid] of [["A", pyramidA], ["B", pyramidB]] as const) {
    const gray = pyramid[comparisonLevel(pyramid)];
    if (texturedShare(gray) < constants.refusals.MIN_TEXTURED_SHARE) {
      return refusal("image_without_texture", name, gray);
    }
  }
  return null;
}

/** Refuses a homography whose confidence is too low, with the likeliest reason. */
export function checkEvidence(evidence: Evidence, minConfidence: number): Refusal | null {
  const c = constants.refusals;
  if (!evidence.agreeing && !evidence.matches.agreeing) return refusal("no_agreement");
  const confidence = probability(evidence);
  if (confidence >= minConfidence) return null;
  // Repetition is the reason if one of them would have been trusted. It explains nearly all of B.
  const isTrustedAlone = confidence * (1 + evidence.alternatives) >= minConfidence;
  if (isTrustedAlone && windowShare(evidence) > c.REPEATS) return refusal("repeats_itself");
  if (evidence.overlap < c.MIN_OVERLAP) return refusal("too_little_overlap");
  if (evidence.windows < c.MIN_WINDOWS) return refusal("overlap_without_texture");
  if (evidence.displaced > c.MAX_DISPLACED) return refusal("not_one_plane");
  if (matchShare(evidence.matches) >= c.FEATURES_AGREE) {
    if (evidence.stretch > c.OBLIQUE_STRETCH) return refusal("too_oblique");
    if (windowShare(evidence) < c.GRAY_AGREES) return refusal("light_too_different");
    // Part of the scene agrees, and not only a frame or a caption around it.
    if (innerShare(evidence.matches) >= c.FEATURES_AGREE) return refusal("not_one_plane");
  }
  return refusal("not_the_same_scene");
}
