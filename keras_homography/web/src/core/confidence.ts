/** Confidence: the probability that a homography is right, as `registration/confidence.py`. */

import { constants } from "./constants";
import { Evidence, MatchEvidence } from "./evidence";

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

/** The inputs of the first regression. */
export function features(evidence: Evidence): number[] {
  const { MAX_WINDOWS, MAX_MATCHES, MIN_PRECISE_SHARE } = constants.confidence;
  const { matches } = evidence;
  const gray = shareLogOdds(evidence.agreeing, evidence.windows);
  const learned = shareLogOdds(matches.agreeing, matches.matches);
  const agreeing = grayShare(evidence);
  return [
    Math.max(gray, learned),
    Math.min(gray, learned),
    Math.max(amount(evidence.agreeing, MAX_WINDOWS), amount(matches.agreeing, MAX_MATCHES)),
    relativeSpread(evidence),
    agreeing * Math.log(clip(evidence.disagreement, 0.05, 5)),
    agreeing * evidence.displaced,
    logResidual(matches.residual),
    shareLogOdds(matches.innerAgreeing, matches.innerMatches),
    Math.log(Math.max(evidence.preciseShare, MIN_PRECISE_SHARE)),
  ];
}

/** The inputs of the second regression, which knows matches of the largest view. */
export function fineFeatures(evidence: Evidence, fine: MatchEvidence): number[] {
  const { MAX_FINE_MATCHES, MAX_LOG_ODDS } = constants.confidence;
  return [
    clip(logOdds(evidence), -MAX_LOG_ODDS, MAX_LOG_ODDS),
    shareLogOdds(fine.agreeing, fine.matches),
    amount(fine.agreeing, MAX_FINE_MATCHES),
    Math.sqrt(fine.spread),
    logResidual(fine.residual),
    shareLogOdds(fine.innerAgreeing, fine.innerMatches),
    grayShare(evidence) * evidence.displaced,
  ];
}

function grayShare({ agreeing, windows }: Evidence): number {
  return (agreeing + 1) / (windows + 2);
}

/** Side of what agrees, as a share of the side of the overlap. */
function relativeSpread({ spread, matches, overlap }: Evidence): number {
  const share = Math.max(spread, matches.spread) / Math.max(overlap, 0.02);
  return Math.sqrt(Math.min(share, constants.confidence.MAX_SPREAD));
}

function logResidual(residual: number): number {
  return Math.log(clip(residual, 0.3, 6));
}

function regress(inputs: readonly number[], weights: readonly number[], bias: number): number {
  return inputs.reduce((sum, input, i) => sum + weights[i] * input, bias);
}

/** Logarithm of the odds that a candidate is right; minus infinity if nothing speaks for it. */
export function logOdds(evidence: Evidence): number {
  if (!evidence.agreeing && !evidence.matches.agreeing) return -Infinity;
  const { WEIGHTS, BIAS } = constants.confidence;
  return regress(features(evidence), WEIGHTS, BIAS);
}

/** Probability that the mean error at the corners of B is below 3 px. */
export function probability(evidence: Evidence): number {
  const { FINE_WEIGHTS, FINE_BIAS } = constants.confidence;
  const { fineMatches, alternatives } = evidence;
  let odds = logOdds(evidence);
  if (fineMatches && Number.isFinite(odds)) {
    odds = regress(fineFeatures(evidence, fineMatches), FINE_WEIGHTS, FINE_BIAS);
  }
  return 1 / (1 + Math.exp(-odds)) / (1 + alternatives);
}
