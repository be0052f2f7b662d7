/**
 * Lucas–Kanade refinement of a homography on one pyramid level, as derived in
 * `keras_homography/geometry/lucas_kanade_constants.py`.
 */

import { constants } from "./constants";
import { Level, makeSamples } from "./lucas_kanade_level";
import {
  exposure,
  geometricMean,
  ramp,
  regionalWeights,
  robustWeights,
} from "./lucas_kanade_weights";
import { corners, invert, Matrix, multiply, normalize, Point, solve, transform } from "./matrix";

const TONES = 3;
const UNKNOWNS = 8 + TONES;

type Tone = readonly [number, number, number];

/** Solves normal equations, given by their upper triangle, with damping on the diagonal. */
function solveDamped(normal: Float64Array, right: Float64Array, damping: number) {
  const n = right.length;
  let trace = 0;
  for (let i = 0; i < n; i++) {
    trace += normal[i * n + i];
    for (let j = 0; j < i; j++) normal[i * n + j] = normal[j * n + i];
  }
  const added = (damping * trace) / n + constants.lucas_kanade_constants.MIN_DAMPING;
  for (let i = 0; i < n; i++) normal[i * n + i] += added;
  return solve(normal, right);
}

function total(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** B compared with A under a homography and a tone curve. */
export class Comparison {
  private readonly samples;
  private readonly usable: Float64Array;
  private readonly difference: Float64Array;
  private readonly residual: Float64Array;
  private weights: Float64Array = new Float64Array();
  private tone: Tone = [0, 0, 0];

  /** The tone curve is fitted if it is null; `byRegions` leaves out whole regions that do not agree. */
  constructor(
    private readonly level: Level,
    aFromB: Matrix,
    tone: Tone | null = null,
    private readonly byRegions = false,
  ) {
    const { count, b } = level;
    this.samples = makeSamples(count);
    level.sample(aFromB, this.samples);
    this.usable = new Float64Array(count);
    this.difference = new Float64Array(count);
    this.residual = new Float64Array(count);
    const { gray, visible } = this.samples;
    for (let n = 0; n < count; n++) {
      this.difference[n] = b[n] - gray[n];
      this.usable[n] = visible[n] ? exposure(gray[n]) * exposure(b[n]) : 0;
    }
    this.setTone(tone ?? [0, 0, 0]);
    if (tone === null) {
      for (let i = 0; i < constants.lucas_kanade.TONE_FITS; i++) this.setTone(this.fitTone());
    }
  }

  private z(n: number): number {
    const middle = constants.lucas_kanade_constants.MID_GRAY;
    return (this.samples.gray[n] - middle) / middle;
  }

  /** Sets the tone curve, the residuals under it, and weights of them. */
  private setTone(tone: Tone): void {
    this.tone = tone;
    const { usable, residual, difference } = this;
    for (let n = 0; n < usable.length; n++) {
      const z = this.z(n);
      residual[n] = difference[n] - tone[0] - tone[1] * z - tone[2] * z * z;
    }
    this.weights = this.byRegions
      ? regionalWeights(this.level, residual, usable)
      : robustWeights(residual, usable);
  }

  /** Fits the tone curve alone, with the homography as it is. */
  private fitTone(): Tone {
    const powers = new Float64Array(5), right = new Float64Array(TONES);
    for (let n = 0; n < this.weights.length; n++) {
      const z = this.z(n);
      let weight = this.weights[n];
      for (let i = 0; i < 5; i++, weight *= z) {
        powers[i] += weight;
        if (i < TONES) right[i] += weight * this.difference[n];
      }
    }
    const normal = new Float64Array(TONES * TONES);
    for (let i = 0; i < TONES; i++) {
      for (let j = i; j < TONES; j++) normal[i * TONES + j] = powers[i + j];
    }
    const tone = solveDamped(normal, right, constants.lucas_kanade_constants.TONE_DAMPING);
    return tone ? [tone[0], tone[1], tone[2]] : this.tone;
  }

  /** Fits a step of the homography together with the tone curve; null if nothing determines it. */
  fit(): { step: Matrix; tone: Tone } | null {
    const { MID_GRAY, DAMPING_FLOAT64 } = constants.lucas_kanade_constants;
    const { level, samples, weights, difference } = this;
    const [, t1, t2] = this.tone;
    const normal = new Float64Array(UNKNOWNS * UNKNOWNS), right = new Float64Array(UNKNOWNS);
    const row = new Float64Array(UNKNOWNS);
    for (let n = 0; n < weights.length; n++) {
      const weight = weights[n];
      if (weight === 0) continue;
      const z = this.z(n), x = level.x[n], y = level.y[n];
      const slope = 0.5 + (0.5 * t1 + t2 * z) / MID_GRAY;
      const gradientX = 0.5 * level.gradientX[n] + slope * samples.gradientX[n];
      const gradientY = 0.5 * level.gradientY[n] + slope * samples.gradientY[n];
      const radial = -(x * gradientX + y * gradientY);
      row[0] = x * gradientX;
      row[1] = y * gradientX;
      row[2] = gradientX;
      row[3] = x * gradientY;
      row[4] = y * gradientY;
      row[5] = gradientY;
      row[6] = x * radial;
      row[7] = y * radial;
      row[8] = MID_GRAY;
      row[9] = MID_GRAY * z;
      row[10] = MID_GRAY * z * z;
      for (let i = 0; i < UNKNOWNS; i++) {
        const weighted = weight * row[i];
        right[i] += weighted * difference[n];
        for (let j = i; j < UNKNOWNS; j++) normal[i * UNKNOWNS + j] += weighted * row[j];
      }
    }
    const s = solveDamped(normal, right, DAMPING_FLOAT64);
    if (!s) return null;
    return {
      step: [s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], 0],
      tone: [MID_GRAY * s[8], MID_GRAY * s[9], MID_GRAY * s[10]],
    };
  }

  /** Remaining misalignment in pixels of B, from the residuals; infinite without overlap. */
  disagreement(): number {
    if (!this.usable.some(Boolean)) return Infinity;
    return geometricMean(this.usable, (n) => this.misalignment(n));
  }

  /** Share of what agrees by itself that is left out with its region. */
  leftOutShare(): number {
    const alone = total(robustWeights(this.residual, this.usable));
    return alone > 0 ? 1 - total(this.weights) / alone : 1;
  }

  /**
   * Share of the points with texture that agree within a quarter of a pixel. Only regions count where
   * most points do: a point by itself agrees by chance.
   */
  preciseShare(): number {
    const { MIN_GRADIENT, PRECISE, PRECISE_COUNTS, PRECISE_AGREES, FEW_POINTS, FEW_AROUND } =
      constants.lucas_kanade;
    const textured = this.usable.map((one, n) => (this.gradient(n) > MIN_GRADIENT ? one : 0));
    const precise = textured.map((one, n) => (this.misalignment(n) < PRECISE ? one : 0));
    const around = this.level.sumAround(textured);
    const shares = this.level.sumAround(precise).map((sum, n) => sum / (around[n] + FEW_AROUND));
    const counted = textured.map((one, n) => one * ramp(shares[n], PRECISE_COUNTS, PRECISE_AGREES));
    const share = (counts: (n: number) => boolean) => {
      const of = (values: Float64Array) => total(values.filter((_, n) => counts(n)));
      return of(counted) / (of(textured) + FEW_POINTS);
    };
    return Math.min(share(() => true), share((n) => this.level.isInInnerHalf(n)));
  }

  /** Length of the gradient of B at a point, gray levels a pixel. */
  private gradient(n: number): number {
    const { gradientX, gradientY, half } = this.level;
    return Math.hypot(gradientX[n], gradientY[n]) / half;
  }

  /** Misalignment that explains the residual of a point, pixels of B. */
  private misalignment(n: number): number {
    const floor = constants.lucas_kanade_constants.DISAGREEMENT_FLOOR;
    return (Math.abs(this.residual[n]) + floor) / (this.gradient(n) + floor);
  }
}

/**
 * Iterates on one pyramid level until corners of B hardly move.
 *
 * @returns The refined `a_from_b`, in pixels of the level; null if it diverges.
 */
export function refineLevel(
  level: Level,
  aFromB: Matrix,
  steps: number,
  byRegions = false,
): Matrix | null {
  const square = corners(level.grayB);
  const pixelFromUnit = invert(level.unitFromPixel);
  const quadOf = (m: Matrix): Point[] => square.map((corner) => transform(m, corner));
  let tone: Tone | null = null, quad = quadOf(aFromB);
  for (let i = 0; i < steps; i++) {
    const comparison: Comparison = new Comparison(level, aFromB, tone, byRegions);
    const fitted = comparison.fit();
    if (!fitted) return null;
    tone = fitted.tone;
    const s = fitted.step;
    const moved = [1 + s[0], s[1], s[2], s[3], 1 + s[4], s[5], s[6], s[7], 1];
    const next = normalize(multiply(aFromB, pixelFromUnit, moved, level.unitFromPixel));
    if (!next) return null;
    aFromB = next;
    const movedQuad = quadOf(aFromB);
    const motion = Math.max(
      ...movedQuad.flatMap(([x, y], c) => [Math.abs(x - quad[c][0]), Math.abs(y - quad[c][1])]),
    );
    if (!Number.isFinite(motion)) return null;
    if (motion < constants.lucas_kanade.CONVERGED) break;
    quad = movedQuad;
  }
  return aFromB;
}
