/** Pixels of two images of one pyramid level: which are compared, and samples under a homography. */

import { constants } from "./constants";
import { Gray } from "./gray";
import { canBeSampled, Mask } from "./masks";
import { invert, Matrix, roundHalfToEven, Size } from "./matrix";
import { warp, Warped } from "./warp";

/** A pixel of every block of pixels, block by block. */
interface PointGrid {
  readonly columns: Int32Array;
  readonly rows: Int32Array;
  /** How many blocks lie side by side. */
  readonly across: number;
}

/** The pixel with the strongest gradient of every block. */
function strongestPoints(gray: Gray): PointGrid {
  const { MAX_POINTS, BORDER } = constants.lucas_kanade_level;
  const { data, width, height } = gray;
  const innerWidth = width - 2 * BORDER, innerHeight = height - 2 * BORDER;
  const block = Math.max(1, Math.ceil(Math.sqrt((innerWidth * innerHeight) / MAX_POINTS)));
  const across = Math.floor(innerWidth / block), down = Math.floor(innerHeight / block);
  const columns = new Int32Array(across * down), rows = new Int32Array(across * down);
  for (let blockY = 0, n = 0; blockY < down; blockY++) {
    for (let blockX = 0; blockX < across; blockX++, n++) {
      let best = -1;
      for (let dy = 0; dy < block; dy++) {
        const y = blockY * block + dy + BORDER;
        for (let dx = 0; dx < block; dx++) {
          const x = blockX * block + dx + BORDER, i = y * width + x;
          const strength = Math.min(
            255,
            Math.abs(data[i + 1] - data[i - 1]) + Math.abs(data[i + width] - data[i - width]),
          );
          if (strength > best) {
            best = strength;
            columns[n] = x;
            rows[n] = y;
          }
        }
      }
    }
  }
  return { columns, rows, across };
}

/** Samples of an image at points. */
export interface Samples {
  readonly gray: Float64Array;
  readonly gradientX: Float64Array;
  readonly gradientY: Float64Array;
  /** 1 where the image contains the point and the neighbors that its gradient needs, else 0. */
  readonly visible: Uint8Array;
}

export function makeSamples(count: number): Samples {
  return {
    gray: new Float64Array(count),
    gradientX: new Float64Array(count),
    gradientY: new Float64Array(count),
    visible: new Uint8Array(count),
  };
}

/** Samples an image and its gradient at one point, bilinear, as element `n` of the samples. */
function sampleAt(image: Gray, x: number, y: number, samples: Samples, n: number): void {
  const { data, width, height } = image;
  x = Math.fround(x);
  y = Math.fround(y);
  const visible = x >= 1 && x < width - 2 && y >= 1 && y < height - 2;
  const left = visible ? Math.floor(x) : 1, top = visible ? Math.floor(y) : 1;
  const a = visible ? x - left : 0, b = visible ? y - top : 0;
  const i = top * width + left, j = i + width;
  const upper = data[i] + a * (data[i + 1] - data[i]);
  const lower = data[j] + a * (data[j + 1] - data[j]);
  samples.gray[n] = upper + b * (lower - upper);
  const x00 = data[i + 1] - data[i - 1], x10 = data[i + 2] - data[i];
  const x01 = data[j + 1] - data[j - 1], x11 = data[j + 2] - data[j];
  const upperX = x00 + a * (x10 - x00), lowerX = x01 + a * (x11 - x01);
  samples.gradientX[n] = 0.5 * (upperX + b * (lowerX - upperX));
  const y00 = data[j] - data[i - width], y10 = data[j + 1] - data[i - width + 1];
  const y01 = data[j + width] - data[i], y11 = data[j + width + 1] - data[i + 1];
  const upperY = y00 + a * (y10 - y00), lowerY = y01 + a * (y11 - y01);
  samples.gradientY[n] = 0.5 * (upperY + b * (lowerY - upperY));
  samples.visible[n] = visible ? 1 : 0;
}

/** Two gray images of one pyramid level, and the pixels of B that are compared. */
export class Level {
  /** Half the longer side of B, in pixels: the unit of `x` and `y`. */
  readonly half: number;
  readonly unitFromPixel: Matrix;
  /** Of B that count. */
  readonly numPixels: number;
  readonly count: number;
  /** Where the points of B lie, in units about its center. */
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** Gray levels of these points, and their gradient, in gray levels a unit. */
  readonly b: Float64Array;
  readonly gradientX: Float64Array;
  readonly gradientY: Float64Array;
  private readonly columns: Int32Array;
  private readonly rows: Int32Array;
  /** Of the grid of all points, with a margin for the regions around those at its edges. */
  private readonly gridSize: Size;
  /** Where each point's region begins in that grid. */
  private readonly regions: Int32Array;
  private readonly sampledA: Mask | null;

  /** Masks say where the images count: everywhere if there are none. */
  constructor(
    readonly grayA: Gray,
    readonly grayB: Gray,
    private readonly maskA?: Mask,
    private readonly maskB?: Mask,
  ) {
    const { width, height } = grayB;
    this.half = Math.max(width, height) / 2;
    const half = this.half, centerX = (width - 1) / 2, centerY = (height - 1) / 2;
    this.unitFromPixel = [1 / half, 0, -centerX / half, 0, 1 / half, -centerY / half, 0, 0, 1];
    this.numPixels = maskB ? maskB.data.reduce((sum, one) => sum + one, 0) : width * height;
    this.sampledA = maskA ? canBeSampled(maskA) : null;
    const points = strongestPoints(grayB), sampledB = maskB && canBeSampled(maskB);
    const inGrid = Int32Array.from(points.columns.keys()).filter(
      (n) => !sampledB || sampledB.data[points.rows[n] * width + points.columns[n]] > 0,
    );
    const columns = inGrid.map((n) => points.columns[n]);
    const rows = inGrid.map((n) => points.rows[n]);
    [this.columns, this.rows, this.count] = [columns, rows, columns.length];
    const { across } = points, margin = constants.lucas_kanade_level.AROUND;
    const gridSize = { width: across + margin, height: points.columns.length / across + margin };
    this.gridSize = gridSize;
    this.regions = inGrid.map((n) => Math.floor(n / across) * gridSize.width + (n % across));
    this.x = Float64Array.from(columns, (column) => Math.fround((column - centerX) / half));
    this.y = Float64Array.from(rows, (row) => Math.fround((row - centerY) / half));
    const b = grayB.data, places = columns.map((column, n) => rows[n] * width + column);
    this.b = Float64Array.from(places, (i) => b[i]);
    this.gradientX = Float64Array.from(places, (i) => 0.5 * half * (b[i + 1] - b[i - 1]));
    this.gradientY = Float64Array.from(places, (i) => 0.5 * half * (b[i + width] - b[i - width]));
  }

  /** Whether a point lies in the inner half of B. */
  isInInnerHalf(n: number): boolean {
    const { width, height } = this.grayB, scale = 1 / (2 * this.half * Math.SQRT2);
    return Math.abs(this.x[n]) < width * scale && Math.abs(this.y[n]) < height * scale;
  }

  /** Adds up values of the points over the region around each, by an integral image. */
  sumAround(values: Float64Array): Float64Array {
    const side = constants.lucas_kanade_level.AROUND;
    const { width, height } = this.gridSize, integral = new Float64Array(width * height);
    const toCenter = ((side + 1) / 2) * (width + 1);
    for (let n = 0; n < this.count; n++) integral[this.regions[n] + toCenter] = values[n];
    for (let y = 1; y < height; y++) {
      let sum = 0;
      for (let x = 1, i = y * width + 1; x < width; x++, i++) {
        sum += integral[i];
        integral[i] = integral[i - width] + sum;
      }
    }
    const sums = new Float64Array(this.count);
    for (let n = 0; n < this.count; n++) {
      const i = this.regions[n], j = i + side * width;
      sums[n] = integral[j + side] - integral[j] - integral[i + side] + integral[i];
    }
    return sums;
  }

  /** Samples A at the points of B under a homography; gradients are those of warped A. */
  sample(h: Matrix, samples: Samples): void {
    const nearest = constants.lucas_kanade_level.NEAREST_DEPTH;
    for (let n = 0; n < this.count; n++) {
      const column = this.columns[n], row = this.rows[n];
      const inverseDepth = 1 / Math.max(h[6] * column + h[7] * row + h[8], nearest);
      const u = (h[0] * column + h[1] * row + h[2]) * inverseDepth;
      const v = (h[3] * column + h[4] * row + h[5]) * inverseDepth;
      sampleAt(this.grayA, u, v, samples, n);
      if (this.sampledA && samples.visible[n]) {
        const nearestPixel = roundHalfToEven(v) * this.grayA.width + roundHalfToEven(u);
        samples.visible[n] = this.sampledA.data[nearestPixel];
      }
      // The chain rule: how u and v change with x and y.
      const alongU = samples.gradientX[n] * inverseDepth * this.half;
      const alongV = samples.gradientY[n] * inverseDepth * this.half;
      const alongDepth = u * alongU + v * alongV;
      samples.gradientX[n] = alongU * h[0] + alongV * h[3] - alongDepth * h[6];
      samples.gradientY[n] = alongU * h[1] + alongV * h[4] - alongDepth * h[7];
    }
  }

  /** Warps A; covered is what counts of it. */
  warp(targetFromA: Matrix, size: Size): Warped {
    return warp(this.grayA, targetFromA, size, this.maskA);
  }

  /** Warps A onto B; covered is where both count. */
  align(aFromB: Matrix): Warped {
    const aligned = this.warp(invert(aFromB), this.grayB);
    this.maskB?.data.forEach((one, i) => (aligned.covered[i] &= one));
    return aligned;
  }
}
