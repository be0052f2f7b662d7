/** Evidence for a homography: what windows of gray levels and matches of features say about it. */

/** What the matches of two aligned images say: see `evidence.MatchEvidence` in Python. */
export interface MatchEvidence {
  readonly matches: number;
  readonly agreeing: number;
  readonly spread: number;
  readonly residual: number;
  readonly innerMatches: number;
  readonly innerAgreeing: number;
}

/** What the windows of B say: see `evidence.Evidence` in Python. */
export interface Evidence {
  readonly overlap: number;
  readonly windows: number;
  readonly agreeing: number;
  readonly spread: number;
  readonly disagreement: number;
  readonly displaced: number;
  readonly matches: MatchEvidence;
  readonly fineMatches: MatchEvidence | null;
  readonly alternatives: number;
  readonly stretch: number;
  readonly misalignment: number;
  readonly preciseShare: number;
}

export const NO_MATCHES: MatchEvidence = {
  matches: 0,
  agreeing: 0,
  spread: 0,
  residual: Infinity,
  innerMatches: 0,
  innerAgreeing: 0,
};

export const NO_EVIDENCE: Evidence = {
  overlap: 0,
  windows: 0,
  agreeing: 0,
  spread: 0,
  disagreement: Infinity,
  displaced: 0,
  matches: NO_MATCHES,
  fineMatches: null,
  alternatives: 0,
  stretch: 1,
  misalignment: Infinity,
  preciseShare: 0,
};

/** The share of `matchShare` in the inner half of where the images overlap. */
export function innerShare({ innerAgreeing, innerMatches }: MatchEvidence): number {
  return innerAgreeing / (innerMatches + 8);
}

/** Share of windows that agree, shrunk towards 0 where there are few. */
export function windowShare({ agreeing, windows }: Evidence): number {
  return agreeing / (windows + 4);
}

/** Share of matches that agree, shrunk in the same way. */
export function matchShare({ agreeing, matches }: MatchEvidence): number {
  return agreeing / (matches + 8);
}

/** What candidates are ranked by: number of agreeing windows times their share. */
export function windowScore(evidence: Evidence): number {
  return evidence.agreeing * windowShare(evidence);
}

/** The same of matches. */
export function matchScore(matches: MatchEvidence): number {
  return matches.agreeing * matchShare(matches);
}
