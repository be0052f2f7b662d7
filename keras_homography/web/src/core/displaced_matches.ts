/** Parts of B that are found in A, but not where a homography puts them. */

import { constants } from "./constants";
import { Gray } from "./gray";
import { ImagePair } from "./image_pyramid";
import { Matrix } from "./matrix";

/**
 * Searches A for each textured part of B, around where a homography puts it.
 *
 * @returns The share of parts whose best match is over 2 pixels off, at the comparison level; 0
 *   where too few parts can be searched for.
 */
export function measureDisplacedMatches(pair: ImagePair, aFromB: Matrix): number {
  const c = constants.alignment_evidence;
  const side = c.PART_SIDE, radius = c.SEARCH_RADIUS;
  const { level, levelAFromB } = pair.at(aFromB, pair.comparisonLevel);
  const b = level.grayB;
  const { gray: a, covered } = level.align(levelAFromB);
  let parts = 0, displaced = 0;
  for (let top = radius; top <= b.height - side - radius; top += side) {
    for (let left = radius; left <= b.width - side - radius; left += side) {
      const part = centered(b, left, top, side);
      if (part.deviation < 2 * c.MIN_TEXTURE) continue;
      if (!isCovered(covered, b.width, left - radius, top - radius, side + 2 * radius)) continue;
      parts++;
      const { x, y, correlation } = findPart(a, part.values, left - radius, top - radius);
      const displacement = Math.max(Math.abs(x - radius), Math.abs(y - radius));
      if (correlation > c.MIN_MATCH_CORRELATION && displacement > c.MAX_DISPLACEMENT) displaced++;
    }
  }
  return parts >= c.MIN_PARTS ? displaced / parts : 0;
}

/** Gray levels of a square without their mean, and their standard deviation. */
function centered({ data, width }: Gray, left: number, top: number, side: number) {
  const values = new Float64Array(side * side);
  for (let i = 0; i < values.length; i++) {
    values[i] = data[(top + Math.floor(i / side)) * width + left + (i % side)];
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    values[i] -= mean;
    squares += values[i] ** 2;
  }
  return { values, deviation: Math.sqrt(squares / values.length) };
}

function isCovered(covered: Uint8Array, width: number, left: number, top: number, side: number) {
  for (let y = top; y < top + side; y++) {
    for (let x = left; x < left + side; x++) if (!covered[y * width + x]) return false;
  }
  return true;
}

/** The place within the searched square where A correlates best, as `TM_CCOEFF_NORMED`. */
function findPart({ data, width }: Gray, part: Float64Array, left: number, top: number) {
  const side = constants.alignment_evidence.PART_SIDE;
  const places = 2 * constants.alignment_evidence.SEARCH_RADIUS + 1;
  const energy = part.reduce((sum, value) => sum + value * value, 0);
  let best = { x: 0, y: 0, correlation: -Infinity };
  for (let y = 0; y < places; y++) {
    for (let x = 0; x < places; x++) {
      let sum = 0, squares = 0, product = 0;
      for (let row = 0, i = 0; row < side; row++) {
        const begin = (top + y + row) * width + left + x;
        for (let j = begin; j < begin + side; j++, i++) {
          const value = data[j];
          sum += value;
          squares += value * value;
          product += value * part[i];
        }
      }
      const variation = squares - (sum * sum) / (side * side);
      const norm = Math.sqrt(Math.max(variation, 0) * energy);
      const correlation = Math.abs(product) < norm ? product / norm : 0;
      if (correlation > best.correlation) best = { x, y, correlation };
    }
  }
  return best;
}
