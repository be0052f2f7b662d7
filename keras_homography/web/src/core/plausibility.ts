/** How a homography scales and stretches what two images share, and whether a camera could see it. */

import { constants } from "./constants";
import { isFinite, Matrix, median, Size } from "./matrix";

interface Scales {
  readonly longest: number;
  readonly shortest: number;
}

/**
 * Singular values of the Jacobian at points of B that A shows, relative to the sizes of the images;
 * null if there are none, or one is mirrored or behind the camera.
 */
function sharedScales(h: Matrix, sizeA: Size, sizeB: Size): Scales[] | null {
  if (!isFinite(h)) return null;
  const { GRID } = constants.alignment_evidence;
  const points = Array.from({ length: GRID * GRID }, (_, i) => {
    const x = ((i % GRID) / (GRID - 1)) * sizeB.width;
    const y = (Math.floor(i / GRID) / (GRID - 1)) * sizeB.height;
    return [0, 3, 6].map((row) => h[row] * x + h[row + 1] * y + h[row + 2]);
  });
  const farthest = Math.max(...points.map(([, , depth]) => Math.abs(depth)));
  const scale = Math.max(sizeA.width, sizeA.height) / Math.max(sizeB.width, sizeB.height);
  const scales: Scales[] = [];
  for (const [uDepth, vDepth, depth] of points) {
    if (!(depth > 1e-3 * farthest)) continue;
    const u = uDepth / depth, v = vDepth / depth;
    if (!(u > 0 && u < sizeA.width && v > 0 && v < sizeA.height)) continue;
    const [a, b, c, d] = [
      h[0] - u * h[6], h[1] - u * h[7],
      h[3] - v * h[6], h[4] - v * h[7],
    ].map((value) => value / (depth * scale));
    if (!(a * d - b * c > 0)) return null;
    const sum = Math.hypot(a + d, c - b), difference = Math.hypot(a - d, c + b);
    scales.push({ longest: (sum + difference) / 2, shortest: Math.abs(sum - difference) / 2 });
  }
  return scales.length ? scales : null;
}

/**
 * Tells whether a camera could see what the two images share at a homography: before the camera,
 * not mirrored, nothing scaled or stretched too much.
 */
export function isPlausible(h: Matrix, sizeA: Size, sizeB: Size): boolean {
  const { MAX_SCALE, MAX_STRETCH } = constants.alignment_evidence;
  const scales = sharedScales(h, sizeA, sizeB);
  return (
    scales !== null &&
    scales.every(
      ({ longest, shortest }) =>
        longest < MAX_SCALE && shortest > 1 / MAX_SCALE && longest / shortest < MAX_STRETCH,
    )
  );
}

/** How obliquely one image sees what the two share: the median stretch, from 1. */
export function measureStretch(h: Matrix, sizeA: Size, sizeB: Size): number {
  const scales = sharedScales(h, sizeA, sizeB);
  return scales ? median(scales.map(({ longest, shortest }) => longest / shortest)) : 1;
}
