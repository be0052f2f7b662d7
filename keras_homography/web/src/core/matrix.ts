/**
 * Matrices, points and sizes, with the conventions of `keras_homography.geometry`: (0, 0) is the
 * center of the top-left pixel, a matrix is named by its direction, `target_from_source`.
 */

/** 3x3, row by row. */
export type Matrix = readonly number[];
export type Point = readonly [number, number];

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A homogeneous coordinate below this counts as a point at infinity. */
const MIN_W = 1e-6;
/** A matrix whose last element is below this cannot be scaled so that it is 1. */
const MIN_SCALE = 1e-9;

export function multiply(...matrices: Matrix[]): Matrix {
  return matrices.reduce((a, b) => {
    const product = new Array<number>(9);
    for (let row = 0; row < 9; row += 3) {
      for (let column = 0; column < 3; column++) {
        product[row + column] =
          a[row] * b[column] + a[row + 1] * b[3 + column] + a[row + 2] * b[6 + column];
      }
    }
    return product;
  });
}

/** The inverse; elements are not finite if there is none. */
export function invert(m: Matrix): Matrix {
  const [a, b, c, d, e, f, g, h, i] = m;
  const x = e * i - f * h, y = f * g - d * i, z = d * h - e * g;
  const scale = 1 / (a * x + b * y + c * z);
  return [
    x, c * h - b * i, b * f - c * e,
    y, a * i - c * g, c * d - a * f,
    z, b * g - a * h, a * e - b * d,
  ].map((value) => value * scale);
}

export function isFinite(m: Matrix): boolean {
  return m.every(Number.isFinite);
}

/** Scales a matrix so that its last element is 1; null if that element vanishes. */
export function normalize(m: Matrix): Matrix | null {
  return Math.abs(m[8]) > MIN_SCALE && isFinite(m) ? m.map((value) => value / m[8]) : null;
}

/** Maps a point; one on or behind the horizon comes out very far away, not infinite. */
export function transform(m: Matrix, [x, y]: Point): Point {
  const w = Math.max(m[6] * x + m[7] * y + m[8], MIN_W);
  return [(m[0] * x + m[1] * y + m[2]) / w, (m[3] * x + m[4] * y + m[5]) / w];
}

/** Corners of an image: top-left, top-right, bottom-right, bottom-left. */
export function corners({ width, height }: Size): Point[] {
  return [[0, 0], [width, 0], [width, height], [0, height]];
}

/** The homography of resizing an image, half-pixel centers kept. */
export function resizing(from: Size, to: Size): Matrix {
  const x = to.width / from.width, y = to.height / from.height;
  return [x, 0, (x - 1) / 2, 0, y, (y - 1) / 2, 0, 0, 1];
}

/** Area of a polygon. */
export function polygonArea(points: readonly Point[]): number {
  let sum = 0;
  points.forEach(([x, y], i) => {
    const [nextX, nextY] = points[(i + 1) % points.length];
    sum += x * nextY - nextX * y;
  });
  return Math.abs(sum) / 2;
}

/**
 * Solves linear equations by elimination with partial pivoting.
 *
 * @param a `n * n` elements, row by row; overwritten.
 * @param b `n` elements; overwritten.
 * @returns The solution, or null if the matrix is singular.
 */
export function solve(a: Float64Array, b: Float64Array): Float64Array | null {
  const n = b.length;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++) {
      if (Math.abs(a[row * n + column]) > Math.abs(a[pivot * n + column])) pivot = row;
    }
    const head = a[pivot * n + column];
    if (!(Math.abs(head) > 0)) return null;
    if (pivot !== column) {
      for (let i = column; i < n; i++) {
        [a[pivot * n + i], a[column * n + i]] = [a[column * n + i], a[pivot * n + i]];
      }
      [b[pivot], b[column]] = [b[column], b[pivot]];
    }
    for (let row = column + 1; row < n; row++) {
      const factor = a[row * n + column] / head;
      if (factor === 0) continue;
      for (let i = column; i < n; i++) a[row * n + i] -= factor * a[column * n + i];
      b[row] -= factor * b[column];
    }
  }
  for (let row = n - 1; row >= 0; row--) {
    for (let i = row + 1; i < n; i++) b[row] -= a[row * n + i] * b[i];
    b[row] /= a[row * n + row];
  }
  return b.every(Number.isFinite) ? b : null;
}

/** The homography that maps four points to four others; null for degenerate ones. */
export function fromFourPoints(source: readonly Point[], target: readonly Point[]): Matrix | null {
  const a = new Float64Array(64), b = new Float64Array(8);
  for (let i = 0; i < 4; i++) {
    const [x, y] = source[i], [u, v] = target[i];
    a.set([x, y, 1, 0, 0, 0, -x * u, -y * u], 16 * i);
    a.set([0, 0, 0, x, y, 1, -x * v, -y * v], 16 * i + 8);
    b.set([u, v], 2 * i);
  }
  const solution = solve(a, b);
  return solution && [...solution, 1];
}

/** Rounds as NumPy and OpenCV do: halves to the even number. */
export function roundHalfToEven(value: number): number {
  const floor = Math.floor(value), rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((p, q) => p - q), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
