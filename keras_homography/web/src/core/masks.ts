/** Parts of an image that take no part in the registration: as `registration/masks.py`. */

import { Binary, erode, where } from "./binary_image";
import { constants } from "./constants";
import { shrink, visitEnlarged } from "./float_resize";
import { Gray } from "./gray";
import { roundHalfToEven, Size } from "./matrix";

/** 1 where an image counts, else 0. */
export type Mask = Binary;

/** Share of a pixel that counts, above which all of it does: sums are rounded. */
export const ALL = 1 - 1e-4;

/** Replaces what is masked by a smooth continuation of what is not (pull and push). */
export function fill(gray: Gray, mask: Mask): Gray {
  const data = gray.data.map((value, i) => (mask.data[i] ? value : 0));
  const filled = pull(data, mask.data, gray);
  visitEnlarged(filled.values, filled.size, gray, mask.data, (i, value) => {
    data[i] = Math.min(Math.max(roundHalfToEven(value), 0), 255);
  });
  return { ...gray, data };
}

/** An image at half its size, filled where none of a pixel counts. */
function pull(
  sums: Float32Array | Uint8Array,
  weights: Float32Array | Uint8Array,
  from: Size,
): { values: Float32Array; size: Size } {
  const size = { width: (from.width + 1) >> 1, height: (from.height + 1) >> 1 };
  const reduced = shrink(sums, from, size), shares = shrink(weights, from, size);
  const values = reduced.map((sum, i) => sum / Math.max(shares[i], 1e-6));
  if (Math.min(size.width, size.height) > 1) {
    const filled = pull(reduced, shares, size);
    visitEnlarged(filled.values, filled.size, size, shares, (i, value) => (values[i] = value));
    return { values, size };
  }
  const total = (numbers: Float32Array): number => numbers.reduce((sum, value) => sum + value, 0);
  const mean = total(reduced) / Math.max(total(shares), 1e-9);
  return { values: values.map((value, i) => (shares[i] > 0 ? value : mean)), size };
}

/** Reduces a mask to the levels of a pyramid: where all that a pixel is made of counts. */
export function maskLevels(mask: Mask, levels: readonly Size[]): Mask[] {
  return levels.map((size) => {
    const shares = shrink(mask.data, mask, size);
    return where(size, (i) => shares[i] > ALL);
  });
}

/** Where a gray level and its gradient are made of nothing that is masked. */
export function canBeSampled(mask: Mask): Mask {
  return erode(mask, constants.masks.SAMPLED);
}
