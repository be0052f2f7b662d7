/** Least-squares fits of a homography to matched points. */

import { Matrix, multiply, normalize, Point, solve } from "./matrix";

const REFINEMENTS = 10;
const ALONG_X = [0, 1, 2, 6, 7], ALONG_Y = [3, 4, 5, 6, 7]; // elements in equations of either axis

/** Moves points about the origin, at a mean distance of 1: `normalized_from_pixel`. */
function conditioning(points: readonly Point[]): Matrix {
  const n = points.length;
  const x = points.reduce((sum, p) => sum + p[0], 0) / n;
  const y = points.reduce((sum, p) => sum + p[1], 0) / n;
  const distance = points.reduce((sum, p) => sum + Math.hypot(p[0] - x, p[1] - y), 0) / n;
  const scale = 1 / Math.max(distance, 1e-9);
  return [scale, 0, -scale * x, 0, scale, -scale * y, 0, 0, 1];
}

/**
 * Fits the homography with the least squared distances in the target, linearly (normalized DLT)
 * and then by Gauss–Newton, as `cv2.findHomography` without a robust method does.
 *
 * @param weights One a point; all the same if left out.
 * @returns `target_from_source`; null for degenerate points.
 */
export function fitLeastSquares(
  source: readonly Point[],
  target: readonly Point[],
  weights?: readonly number[],
): Matrix | null {
  if (source.length < 4) return null;
  const toSource = conditioning(source), toTarget = conditioning(target);
  const move = ([s, , x, , , y]: Matrix, p: Point): Point => [s * p[0] + x, s * p[1] + y];
  const from = source.map((p) => move(toSource, p)), to = target.map((p) => move(toTarget, p));
  let h: Matrix | null = [0, 0, 0, 0, 0, 0, 0, 0, 1];
  // The first step, with all denominators 1, is the linear fit.
  for (let i = 0; i <= REFINEMENTS && h; i++) h = step(h, from, to, weights, i === 0);
  if (!h) return null;
  const [s, , x, , , y] = toTarget;
  return normalize(multiply([1 / s, 0, -x / s, 0, 1 / s, -y / s, 0, 0, 1], h, toSource));
}

function step(
  h: Matrix,
  from: readonly Point[],
  to: readonly Point[],
  weights: readonly number[] | undefined,
  isLinear: boolean,
): Matrix | null {
  const normal = new Float64Array(64), right = new Float64Array(8);
  const row = new Float64Array(5); // of an equation, where it is not 0
  for (let i = 0; i < from.length; i++) {
    const [x, y] = from[i];
    const w = isLinear ? 1 : 1 / (h[6] * x + h[7] * y + 1);
    const u = (h[0] * x + h[1] * y + h[2]) * w, v = (h[3] * x + h[4] * y + h[5]) * w;
    const weight = weights ? weights[i] : 1;
    for (let axis = 0; axis < 2; axis++) {
      const value = to[i][axis], predicted = axis === 0 ? u : v;
      const along = isLinear ? value : predicted;
      const elements = axis === 0 ? ALONG_X : ALONG_Y;
      row[0] = x * w;
      row[1] = y * w;
      row[2] = w;
      row[3] = -x * w * along;
      row[4] = -y * w * along;
      for (let m = 0; m < 5; m++) {
        const weighted = weight * row[m];
        right[elements[m]] += weighted * (isLinear ? value : value - predicted);
        for (let n = m; n < 5; n++) normal[8 * elements[m] + elements[n]] += weighted * row[n];
      }
    }
  }
  for (let m = 1; m < 8; m++) for (let n = 0; n < m; n++) normal[8 * m + n] = normal[8 * n + m];
  const change = solve(normal, right);
  if (!change) return null;
  return [...change].map((value, i) => (isLinear ? value : h[i] + value)).concat(1);
}
