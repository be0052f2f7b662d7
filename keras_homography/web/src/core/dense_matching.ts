/** Matches the dense features of two images: mutual nearest cells, then positions within a cell. */

import { constants } from "./constants";
import { visitProducts } from "./feature_products";
import { Point } from "./matrix";

/** What the matcher says about an image. */
export interface Features {
  readonly rows: number;
  readonly columns: number;
  /** `[rows, columns, 64]`, one a cell of 8x8 pixels. */
  readonly coarse: Float32Array;
  /** `[2 * rows, 2 * columns, 32]`. */
  readonly fine: Float32Array;
  /** `[rows, columns]`, 0 to 1. */
  readonly reliability: Float32Array;
}

/** Matched points of two images, in pixels of what the features were computed from. */
export interface Matches {
  readonly pointsA: readonly Point[];
  readonly pointsB: readonly Point[];
}

/** Features of which cells outside of a mask match nothing. */
export function masked(features: Features, cells: Uint8Array, andReliability: boolean): Features {
  const channels = constants.matcher_grid.COARSE_CHANNELS;
  const coarse = features.coarse.map((value, i) => (cells[Math.floor(i / channels)] ? value : 0));
  const reliability = features.reliability.map((value, i) => (cells[i] ? value : 0));
  return { ...features, coarse, reliability: andReliability ? reliability : features.reliability };
}

/** Matches the cells of two images that are each other's most similar. */
export function matchFeatures(a: Features, b: Features): Matches {
  const cellsA = mostReliable(a), cellsB = mostReliable(b);
  const { nearestB, nearestA } = findNearest(gather(a, cellsA), gather(b, cellsB));
  const pointsA: Point[] = [], pointsB: Point[] = [];
  for (let i = 0; i < cellsA.length; i++) {
    const j = nearestB[i];
    if (nearestA[j] !== i) continue;
    const [x, y] = center(cellsB[j], b.columns);
    const [dx, dy] = finePlace(a, b, cellsA[i], cellsB[j]);
    pointsA.push(center(cellsA[i], a.columns));
    pointsB.push([x + dx, y + dy]);
  }
  return { pointsA, pointsB };
}

/** Indices of the cells that are matched, in order; never of cells that show nothing. */
function mostReliable({ reliability }: Features): number[] {
  const cells = [...reliability.keys()].filter((i) => reliability[i] > 0);
  const most = constants.dense_matching.MAX_CELLS;
  if (cells.length <= most) return cells;
  cells.sort((i, j) => reliability[j] - reliability[i]);
  return cells.slice(0, most).sort((i, j) => i - j);
}

/** Coarse features of some cells, row by row. */
function gather({ coarse }: Features, cells: readonly number[]): Float32Array {
  const channels = constants.matcher_grid.COARSE_CHANNELS;
  const rows = new Float32Array(cells.length * channels);
  cells.forEach((cell, i) => {
    rows.set(coarse.subarray(cell * channels, (cell + 1) * channels), i * channels);
  });
  return rows;
}

/** For each feature of either image, the index of the most similar one of the other. */
function findNearest(a: Float32Array, b: Float32Array): { nearestB: Int32Array; nearestA: Int32Array } {
  const channels = constants.matcher_grid.COARSE_CHANNELS;
  const countA = a.length / channels, countB = b.length / channels;
  const nearestB = new Int32Array(countA), nearestA = new Int32Array(countB);
  const bestB = new Float64Array(countA).fill(-Infinity);
  const bestA = new Float64Array(countB).fill(-Infinity);
  visitProducts(a, b, channels, (i, products) => {
    for (let j = 0; j < countB; j++) {
      const similarity = products[j];
      if (similarity > bestB[i]) {
        bestB[i] = similarity;
        nearestB[i] = j;
      }
      if (similarity > bestA[j]) {
        bestA[j] = similarity;
        nearestA[j] = i;
      }
    }
  });
  return { nearestB, nearestA };
}

function center(cell: number, columns: number): Point {
  const stride = constants.matcher_grid.COARSE_STRIDE;
  return [
    ((cell % columns) + 0.5) * stride - 0.5,
    (Math.floor(cell / columns) + 0.5) * stride - 0.5,
  ];
}

/** Expected position in the window around a cell of B: pixels from the center of the cell. */
function finePlace(a: Features, b: Features, cellA: number, cellB: number): Point {
  const { FINE_CHANNELS: channels, FINE_STRIDE, WINDOW } = constants.matcher_grid;
  const query = new Float64Array(channels);
  const rowA = 2 * Math.floor(cellA / a.columns), columnA = 2 * (cellA % a.columns);
  for (let i = 0; i < 4; i++) {
    const begin = ((rowA + (i >> 1)) * 2 * a.columns + columnA + (i & 1)) * channels;
    for (let k = 0; k < channels; k++) query[k] += a.fine[begin + k] / 4;
  }
  const border = WINDOW / 2 - 1;
  const top = 2 * Math.floor(cellB / b.columns) - border, left = 2 * (cellB % b.columns) - border;
  const logits = new Float64Array(WINDOW * WINDOW), { fine } = b;
  for (let i = 0; i < logits.length; i++) {
    const y = top + Math.floor(i / WINDOW), x = left + (i % WINDOW);
    if (y < 0 || x < 0 || y >= 2 * b.rows || x >= 2 * b.columns) continue;
    const begin = (y * 2 * b.columns + x) * channels;
    let logit = 0;
    for (let k = 0; k < channels; k++) logit += query[k] * fine[begin + k];
    logits[i] = logit;
  }
  const highest = Math.max(...logits);
  let sum = 0, x = 0, y = 0;
  for (let i = 0; i < logits.length; i++) {
    const weight = Math.exp(logits[i] - highest);
    sum += weight;
    x += weight * ((i % WINDOW) - (WINDOW - 1) / 2) * FINE_STRIDE;
    y += weight * (Math.floor(i / WINDOW) - (WINDOW - 1) / 2) * FINE_STRIDE;
  }
  return [x / sum, y / sum];
}
