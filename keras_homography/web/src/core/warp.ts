/** Warping of gray images by homographies. */

import { Gray, makeGray } from "./gray";
import { ALL, Mask } from "./masks";
import { invert, Matrix, roundHalfToEven, Size } from "./matrix";

export interface Warped {
  readonly gray: Gray;
  /** 1 where the image covers a pixel, and counts, else 0. */
  readonly covered: Uint8Array;
}

/**
 * Warps image A into the frame of image B, bilinear, 0 outside of A: what
 * `arrays.warp_image` does in Python. The mask says where A counts: everywhere if there is none.
 */
export function warp(image: Gray, bFromA: Matrix, size: Size, mask?: Mask): Warped {
  const { data, width, height } = image;
  const gray = makeGray(size.width, size.height);
  const covered = new Uint8Array(size.width * size.height);
  const m = invert(bFromA);
  const at = (x: number, y: number): number =>
    x >= 0 && x < width && y >= 0 && y < height ? data[y * width + x] : 0;
  const isInside = (x: number, y: number): number =>
    x >= 0 && x < width && y >= 0 && y < height ? 1 : 0;
  const counts = (x: number, y: number): number => (mask && isInside(x, y) ? mask.data[y * width + x] : 0);
  for (let y = 0, j = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++, j++) {
      const depth = m[6] * x + m[7] * y + m[8];
      const u = (m[0] * x + m[1] * y + m[2]) / depth;
      const v = (m[3] * x + m[4] * y + m[5]) / depth;
      if (!(u > -1 && u < width && v > -1 && v < height)) continue;
      const left = Math.floor(u), top = Math.floor(v);
      const a = u - left, b = v - top;
      let upper: number, lower: number;
      if (left >= 0 && left < width - 1 && top >= 0 && top < height - 1) {
        const i = top * width + left;
        upper = data[i] + a * (data[i + 1] - data[i]);
        lower = data[i + width] + a * (data[i + width + 1] - data[i + width]);
        covered[j] = 1;
      } else {
        upper = (1 - a) * at(left, top) + a * at(left + 1, top);
        lower = (1 - a) * at(left, top + 1) + a * at(left + 1, top + 1);
        covered[j] = shareOf(isInside, left, top, a, b) * 255 > 254.5 ? 1 : 0;
      }
      if (mask && covered[j]) covered[j] = shareOf(counts, left, top, a, b) > ALL ? 1 : 0;
      gray.data[j] = roundHalfToEven(upper + b * (lower - upper));
    }
  }
  return { gray, covered };
}

/** Share of a pixel between four others, of which some are set. */
function shareOf(
  isSet: (x: number, y: number) => number,
  left: number,
  top: number,
  a: number,
  b: number,
): number {
  const upper = (1 - a) * isSet(left, top) + a * isSet(left + 1, top);
  const lower = (1 - a) * isSet(left, top + 1) + a * isSet(left + 1, top + 1);
  return (1 - b) * upper + b * lower;
}
