/** Confidence: the probability that a homography is right, as `registration/confidence.py`. */

import { constants } from "./constants";
import { Evidence } from "./evidence";

function shareLogOdds(agreeing: number, count: number): number {
  const share = (agreeing + 1) / (count + 2);
  return Math.log(share / (1 - share));
}

function clip(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

function amount(agreeing: number, most: number): number {
  return Math.log1p(Math.min(agreeing, most)) / Math.log1p(most);
}

/** The inputs of the logistic regression. */
export function features(evidence: Evidence): number[] {
  const { MAX_WINDOWS, MAX_MATCHES } = constants.confidence;
  const { matches } = evidence;
  const gray = shareLogOdds(evidence.agreeing, evidence.windows);
  const learned = shareLogOdds(matches.agreeing, matches.matches);
  const grayShare = (evidence.agreeing + 1) / (evidence.windows + 2);
  return [
    Math.max(gray, learned),
    Math.min(gray, learned),
    Math.max(amount(evidence.agreeing, MAX_WINDOWS), amount(matches.agreeing, MAX_MATCHES)),
    Math.sqrt(Math.max(evidence.spread, matches.spread)),
    grayShare * Math.log(clip(evidence.disagreement, 0.05, 5)),
    grayShare * evidence.displaced,
    Math.log(clip(matches.residual, 0.3, 6)),
    shareLogOdds(matches.innerAgreeing, matches.innerMatches),
  ];
}

/** Logarithm of the odds that a homography is right; minus infinity if nothing speaks for it. */
export function logOdds(evidence: Evidence): number {
  if (!evidence.agreeing && !evidence.matches.agreeing) return -Infinity;
  const { WEIGHTS, BIAS } = constants.confidence;
  return features(evidence).reduce((sum, feature, i) => sum + WEIGHTS[i] * feature, BIAS);
}

/** Probability that the mean error at the corners of B is below 3 px. */
export function probability(evidence: Evidence): number {
  return 1 / (1 + Math.exp(-logOdds(evidence))) / (1 + evidence.alternatives);
}
