/**
 * Fits a homography to matches of which many may be wrong: samples of four matches, each scored
 * with a bounded loss, the best polished by weighted least squares. It takes the place of
 * OpenCV's MAGSAC++ and gives the same homography where matches agree on one.
 */

import { constants } from "./constants";
import { fitLeastSquares } from "./homography_fit";
import { fromFourPoints, invert, Matrix, Point } from "./matrix";

const MAX_SAMPLES = 20_000;
const WIDE = 2.5; // thresholds within which a match counts a little: fits to samples are rough
const SURE = 0.9999; // probability that one sample had no wrong match, at which sampling ends
const POLISHES = 5;
const NEARLY = 0.7; // of the best score, from which a sample's homography is polished, too
const MAX_POLISHED = 150; // of these
const MAX_CONDITION = 1e12; // of a matrix that can be inverted

interface Scored {
  readonly h: Matrix;
  readonly value: number;
}

export interface RobustFit {
  /** Null if there is none. */
  readonly bFromA: Matrix | null;
  /** Of the matches, in order. */
  readonly inliers: readonly boolean[];
}

/** Numbers in 0..1 from a state of its own: equal matches give equal answers (mulberry32). */
function makeRandom(): () => number {
  let state = 1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Squared distances in B; infinite behind the camera. */
function squaredErrors(h: Matrix, a: Float64Array, b: Float64Array, errors: Float64Array): void {
  const [h0, h1, h2, h3, h4, h5, h6, h7, h8] = h;
  for (let i = 0, j = 0; i < errors.length; i++, j += 2) {
    const x = a[j], y = a[j + 1];
    const w = 1 / (h6 * x + h7 * y + h8);
    const dx = (h0 * x + h1 * y + h2) * w - b[j], dy = (h3 * x + h4 * y + h5) * w - b[j + 1];
    errors[i] = w > 0 ? dx * dx + dy * dy : Infinity;
  }
}

/** Sum of `(1 - e² / t²)²` over matches within the threshold: those near it count little. */
function score(errors: Float64Array, squaredThreshold: number): number {
  let sum = 0;
  for (let i = 0; i < errors.length; i++) {
    if (errors[i] < squaredThreshold) sum += (1 - errors[i] / squaredThreshold) ** 2;
  }
  return sum;
}

/** Whether inliers are neither squeezed nor mirrored: many points on one are no agreement. */
function keepsScale(h: Matrix, a: Float64Array, errors: Float64Array, squared: number): boolean {
  const most = constants.alignment_evidence.MAX_SCALE ** 2; // of an area
  const determinant =
    h[0] * (h[4] * h[8] - h[5] * h[7]) -
    h[1] * (h[3] * h[8] - h[5] * h[6]) +
    h[2] * (h[3] * h[7] - h[4] * h[6]);
  for (let i = 0, j = 0; i < errors.length; i++, j += 2) {
    if (errors[i] >= squared) continue;
    const area = determinant / (h[6] * a[j] + h[7] * a[j + 1] + h[8]) ** 3;
    if (!(area > 1 / most && area < most)) return false;
  }
  return true;
}

/** Whether three points of each triple turn the same way in both images. */
function isConsistent(a: readonly Point[], b: readonly Point[]): boolean {
  const turn = (p: readonly Point[], i: number, j: number, k: number): number =>
    (p[j][0] - p[i][0]) * (p[k][1] - p[i][1]) - (p[j][1] - p[i][1]) * (p[k][0] - p[i][0]);
  return [[0, 1, 2], [0, 1, 3], [0, 2, 3], [1, 2, 3]].every(([i, j, k]) => {
    const turnA = turn(a, i, j, k), turnB = turn(b, i, j, k);
    return turnA * turnB > 0 && Math.abs(turnA) > 1 && Math.abs(turnB) > 1;
  });
}

/** Fits a homography; `threshold` is that of an inlier, in pixels of B. */
export function fitRobustly(
  pointsA: readonly Point[],
  pointsB: readonly Point[],
  threshold: number,
): RobustFit {
  const count = pointsA.length, nothing = { bFromA: null, inliers: pointsA.map(() => false) };
  if (count < 4) return nothing;
  const random = makeRandom();
  const a = Float64Array.from(pointsA.flat()), b = Float64Array.from(pointsB.flat());
  const errors = new Float64Array(count), squared = threshold * threshold;
  const wide = WIDE * WIDE * squared;
  /** The score of a homography; -1 for none that is possible. */
  const evaluate = (h: Matrix | null): number => {
    if (!h) return -1;
    squaredErrors(h, a, b, errors);
    return keepsScale(h, a, errors, squared) ? score(errors, wide) : -1;
  };
  /** Fits to all that are near, weighted, for as long as that makes the score better. */
  const polish = (h: Matrix, value: number): Scored => {
    let current: Scored = { h, value };
    for (let i = 0; i < POLISHES; i++) {
      squaredErrors(current.h, a, b, errors);
      const near = [...errors.keys()].filter((n) => errors[n] < wide);
      const weights = near.map((n) => 1 - errors[n] / wide);
      const fitted = fitLeastSquares(
        near.map((n) => pointsA[n]),
        near.map((n) => pointsB[n]),
        weights,
      );
      const next = evaluate(fitted);
      if (!fitted || next <= current.value) break;
      current = { h: fitted, value: next };
    }
    return current;
  };
  let best: Scored | null = null, samples = MAX_SAMPLES, polished = 0;
  for (let i = 0; i < samples; i++) {
    const chosen = new Set<number>();
    while (chosen.size < 4) chosen.add(Math.floor(random() * count));
    const sampleA = [...chosen].map((n) => pointsA[n]), sampleB = [...chosen].map((n) => pointsB[n]);
    if (!isConsistent(sampleA, sampleB)) continue;
    const h = fromFourPoints(sampleA, sampleB), value = evaluate(h);
    if (!h || value < NEARLY * (best?.value ?? 0)) continue;
    if (value <= (best?.value ?? 0) && ++polished > MAX_POLISHED) continue;
    const found = polish(h, value);
    if (found.value <= (best?.value ?? 0)) continue;
    best = found;
    squaredErrors(found.h, a, b, errors);
    const share = errors.reduce((sum, e) => sum + (e < squared ? 1 : 0), 0) / count;
    samples = Math.min(MAX_SAMPLES, Math.log(1 - SURE) / Math.log(1 - Math.min(share, 0.999) ** 4));
  }
  if (!best || !(condition(best.h) < MAX_CONDITION)) return nothing;
  squaredErrors(best.h, a, b, errors);
  return { bFromA: best.h, inliers: [...errors].map((error) => error < squared) };
}

function condition(h: Matrix): number {
  return Math.hypot(...h) * Math.hypot(...invert(h));
}
