/**
 * Is there another homography that explains two images as well? As `registration/ambiguity.py`:
 * shifts under which aligned A correlates with B too, each compared with the answer.
 */

import { windowCorrelations } from "./alignment_evidence";
import { constants } from "./constants";
import { correlate, powerOfTwo } from "./fourier";
import { gaussianBlur } from "./gaussian_blur";
import { ImagePair } from "./image_pyramid";
import { invert, Matrix, multiply, resizing, Size, transform } from "./matrix";

const BLUR = 8; // pixels, of local brightness and contrast

/** Another homography that explains two images. */
export interface Alternative {
  readonly aFromB: Matrix;
  readonly isBetter: boolean;
  readonly isAsGood: boolean;
}

/** Finds shifted copies of a homography under which the images correlate too. */
export function findAlternatives(pair: ImagePair, aFromB: Matrix): Alternative[] {
  const c = constants.ambiguity;
  const minCorrelation = constants.alignment_evidence.MIN_CORRELATION;
  const { level, levelAFromB } = pair.at(aFromB, pair.comparisonLevel);
  const b = level.grayB, levelFromB = resizing(pair.sizeB, b);
  const { gray: a, covered } = level.align(levelAFromB);
  const before = windowCorrelations(pair, aFromB).correlations;
  const explained = before.filter((value) => value > minCorrelation).length;
  const measured = before.filter((value) => !Number.isNaN(value)).length;
  // Where gray levels do not even speak for the answer, as across sensors, they cannot tell.
  if (explained < c.MIN_AGREEING * measured) return [];
  const everywhere = new Uint8Array(covered.length).fill(1);
  const shifts = findShifts(normalize(a.data, covered, b), normalize(b.data, everywhere, b), b);
  const alternatives: Alternative[] = [];
  for (const [x, y] of shifts) {
    const shifted = multiply(aFromB, invert(levelFromB), [1, 0, x, 0, 1, y, 0, 0, 1], levelFromB);
    const matrix = pair.refine(shifted, pair.comparisonLevel, pair.comparisonLevel, c.STEPS);
    const others = [aFromB, ...alternatives.map((other) => other.aFromB)];
    // Refinement may lead back to the answer.
    if (!matrix || Math.min(...others.map((m) => distance(pair, matrix, m))) < c.MIN_SHIFT) continue;
    const after = windowCorrelations(pair, matrix).correlations;
    let agreeing = 0, forIt = 0, againstIt = 0, compared = 0, loss = 0;
    before.forEach((was, i) => {
      const is = after[i];
      if (is > minCorrelation) agreeing++;
      if (is > minCorrelation && is > was + c.CLEARLY_BETTER) forIt++;
      if (was > minCorrelation && was > is + c.CLEARLY_BETTER) againstIt++;
      if (Number.isNaN(was) || Number.isNaN(is)) return;
      compared++;
      loss += was - is;
    });
    // One that explains far less is no rival.
    if (!compared || agreeing < c.MIN_EXPLAINED * explained) continue;
    const decided = Math.max(c.MIN_DECIDED, c.MIN_DECIDED_SHARE * compared);
    const isBetter = forIt - againstIt >= decided;
    const isRuledOut = againstIt - forIt >= decided || loss / compared > c.CLEAR_LOSS;
    alternatives.push({ aFromB: matrix, isBetter, isAsGood: isBetter || !isRuledOut });
  }
  return alternatives;
}

/** Mean distance of what both images show under two homographies, in pixels of the level. */
function distance(pair: ImagePair, aFromB: Matrix, other: Matrix): number {
  const { sizeA, sizeB } = pair;
  const { GRID } = constants.ambiguity;
  const motion = multiply(invert(aFromB), other);
  const { width, height } = pair.b.pyramid[pair.comparisonLevel];
  const points = Array.from({ length: GRID * GRID }, (_, i): [number, number] => [
    ((i % GRID) / (GRID - 1)) * sizeB.width,
    (Math.floor(i / GRID) / (GRID - 1)) * sizeB.height,
  ]);
  const shared = points.filter((point) => {
    const [x, y] = transform(aFromB, point);
    return x > 0 && x < sizeA.width && y > 0 && y < sizeA.height;
  });
  const moved = (shared.length ? shared : points).map((point) => {
    const [x, y] = transform(motion, point);
    const dx = ((x - point[0]) * width) / sizeB.width;
    return Math.hypot(dx, ((y - point[1]) * height) / sizeB.height);
  });
  return moved.reduce((sum, one) => sum + one, 0) / moved.length;
}

/** Removes local brightness and contrast; 0 outside of the mask. */
function normalize(gray: Uint8Array, covered: Uint8Array, size: Size): Float64Array {
  const weights = Float64Array.from(covered);
  const share = gaussianBlur(weights, size, BLUR).map((value) => value + 1e-3);
  const means = gaussianBlur(weights.map((weight, i) => weight * gray[i]), size, BLUR);
  const centered = weights.map((weight, i) => (gray[i] - means[i] / share[i]) * weight);
  const squares = gaussianBlur(centered.map((value) => value * value), size, BLUR);
  const texture = constants.alignment_evidence.MIN_TEXTURE;
  return centered.map((value, i) => value / (Math.sqrt(squares[i] / share[i]) + texture));
}

/** Shifts of A against B with a high correlation, the highest first. */
function findShifts(a: Float64Array, b: Float64Array, size: Size): [number, number][] {
  const c = constants.ambiguity;
  const { width, height } = size;
  // Padded so that shifts of the least overlap do not wrap around.
  const padded = {
    width: powerOfTwo(width * (2 - c.MIN_OVERLAP) + 2),
    height: powerOfTwo(height * (2 - c.MIN_OVERLAP) + 2),
  };
  const count = padded.width * padded.height;
  const spectrum = { real: new Float64Array(count), imaginary: new Float64Array(count), ...padded };
  for (let y = 0; y < height; y++) {
    spectrum.real.set(a.subarray(y * width, (y + 1) * width), y * padded.width);
    spectrum.imaginary.set(b.subarray(y * width, (y + 1) * width), y * padded.width);
  }
  const surface = correlate(spectrum);
  const signed = (i: number, length: number): number => (i < length / 2 ? i : i - length);
  const placeOf = (i: number): [number, number] => [
    signed(i % padded.width, padded.width),
    signed(Math.floor(i / padded.width), padded.height),
  ];
  let own = -Infinity;
  const places = Array.from({ length: 25 }, (_, i): [number, number] => [(i % 5) - 2, Math.floor(i / 5) - 2]);
  for (const [x, y] of places) {
    const row = (y + padded.height) % padded.height, column = (x + padded.width) % padded.width;
    if (Math.hypot(x, y) <= 2) own = Math.max(own, surface[row * padded.width + column]);
  }
  const peaks: { value: number; x: number; y: number }[] = [];
  for (let i = 0; i < count; i++) {
    const value = surface[i];
    if (!(value > 0)) continue;
    const [x, y] = placeOf(i);
    const overlap = Math.max(width - Math.abs(x), 0) * Math.max(height - Math.abs(y), 0);
    const share = overlap / (width * height);
    if (share > c.MIN_OVERLAP && value > c.MIN_PEAK * own * share && Math.hypot(x, y) > c.MIN_SHIFT) {
      peaks.push({ value, x, y });
    }
  }
  peaks.sort((p, q) => q.value - p.value);
  const shifts: [number, number][] = [];
  for (const { x, y } of peaks) {
    if (shifts.length === c.MAX_SHIFTS) break;
    if (shifts.every((s) => Math.hypot(x - s[0], y - s[1]) > c.MIN_SHIFT)) shifts.push([x, y]);
  }
  return shifts;
}
