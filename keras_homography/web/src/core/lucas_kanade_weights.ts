/** Weights of the points that Lucas–Kanade compares: what is occluded or clipped is left out. */

import { constants } from "./constants";
import { Level } from "./lucas_kanade_level";

/** Averages values of points geometrically. */
export function geometricMean(weights: Float64Array, value: (n: number) => number): number {
  let logarithms = 0, sum = 0;
  for (let n = 0; n < weights.length; n++) {
    if (weights[n] === 0) continue;
    logarithms += weights[n] * Math.log(value(n));
    sum += weights[n];
  }
  return Math.exp(logarithms / (sum + 1));
}

/** Geman–McClure weights of residuals, by the scale of those of the points that are typical. */
export function robustWeights(
  residual: Float64Array,
  usable: Float64Array,
  typical: Float64Array = usable,
): Float64Array {
  const { RESIDUAL_FLOOR, SCALE_FACTOR, MIN_SCALE, WIDTH } = constants.lucas_kanade_constants;
  const mean = geometricMean(typical, (n) => Math.abs(residual[n]) + RESIDUAL_FLOOR);
  const scale = Math.max(SCALE_FACTOR * mean, MIN_SCALE);
  const factor = 1 / (scale * scale * WIDTH * WIDTH);
  const weights = new Float64Array(usable.length);
  for (let n = 0; n < usable.length; n++) {
    const root = 1 / (1 + residual[n] * residual[n] * factor);
    weights[n] = usable[n] * root * root;
  }
  return weights;
}

/**
 * Robust weights that leave out whole regions where most points do not agree. Things that occlude
 * others are regions, in which some points agree by chance; and where they are half of an image, the
 * scale of all residuals is theirs. So it is that of what agrees.
 */
export function regionalWeights(
  level: Level,
  residual: Float64Array,
  usable: Float64Array,
): Float64Array {
  const { REGION_FITS, REGION_COUNTS, REGION_AGREES, MIN_POINTS } = constants.lucas_kanade_weights;
  const around = level.sumAround(usable);
  let counted = usable, weights = robustWeights(residual, usable);
  for (let i = 0; i < REGION_FITS; i++) {
    const agreeing = level.sumAround(weights), agrees = new Float64Array(usable.length);
    let sum = 0;
    for (let n = 0; n < usable.length; n++) {
      const share = agreeing[n] / (around[n] + 1);
      agrees[n] = usable[n] * ramp(share, REGION_COUNTS, REGION_AGREES);
      sum += agrees[n];
    }
    if (sum < MIN_POINTS) break;
    counted = agrees;
    weights = robustWeights(residual, usable, counted);
  }
  for (let n = 0; n < usable.length; n++) {
    if (usable[n] > 0) weights[n] *= counted[n] / usable[n];
  }
  return weights;
}

/** 0 up to one value, 1 from another, in between straight. */
export function ramp(value: number, zero: number, one: number): number {
  return Math.min(Math.max((value - zero) / (one - zero), 0), 1);
}

/** 1 where a gray level is well exposed, 0 where it is clipped. */
export function exposure(gray: number): number {
  const { DARKEST, BRIGHTEST } = constants.lucas_kanade_constants;
  return Math.min(Math.max(Math.min(gray - DARKEST, BRIGHTEST - gray), 0), 1);
}
