/** Gaussian blur, as `cv2.GaussianBlur` of floating-point images. */

import { Size } from "./matrix";

/** Index within an axis, mirrored at the borders without repeating their pixels. */
function mirrored(i: number, length: number): number {
  if (length === 1) return 0;
  while (i < 0 || i >= length) i = i < 0 ? -i : 2 * length - 2 - i;
  return i;
}

export function gaussianBlur(values: Float64Array, size: Size, sigma: number): Float64Array {
  const radius = Math.floor(Math.round(sigma * 8 + 1) / 2);
  const kernel = Float64Array.from({ length: 2 * radius + 1 }, (_, i) =>
    Math.exp(-((i - radius) ** 2) / (2 * sigma * sigma)),
  );
  const sum = kernel.reduce((total, weight) => total + weight, 0);
  const weights = kernel.map((weight) => weight / sum);
  const { width, height } = size;
  const across = blurLines(values, weights, width, 1, height, width);
  return blurLines(across, weights, height, width, width, 1);
}

function blurLines(
  values: Float64Array,
  weights: Float64Array,
  length: number,
  stride: number,
  lines: number,
  lineStride: number,
): Float64Array {
  const radius = (weights.length - 1) / 2;
  const blurred = new Float64Array(values.length), line = new Float64Array(length + 2 * radius);
  for (let n = 0; n < lines; n++) {
    const begin = n * lineStride;
    for (let i = 0; i < line.length; i++) {
      line[i] = values[begin + mirrored(i - radius, length) * stride];
    }
    for (let i = 0; i < length; i++) {
      const middle = i + radius;
      let sum = weights[radius] * line[middle];
      for (let k = 1; k <= radius; k++) sum += weights[radius + k] * (line[middle - k] + line[middle + k]);
      blurred[begin + i * stride] = sum;
    }
  }
  return blurred;
}
