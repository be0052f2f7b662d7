/** Gives every part of an image the same brightness and contrast, as `remove_local_light`. */

import { constants } from "./constants";
import { Gray, makeGray } from "./gray";
import { roundHalfToEven } from "./matrix";

/** Index within an axis, mirrored at the borders without repeating their pixels. */
function mirrored(i: number, length: number): number {
  if (length === 1) return 0;
  while (i < 0 || i >= length) i = i < 0 ? -i : 2 * length - 2 - i;
  return i;
}

/**
 * Visits the mean of the window around every pixel, with sums that move along: a photo has tens of
 * millions of pixels.
 */
function visitWindowMeans(
  width: number,
  height: number,
  value: (i: number) => number,
  visit: (i: number, mean: number) => void,
): void {
  const side = constants.local_light.LOCAL_SIDE, radius = (side - 1) / 2;
  const columns = new Float64Array(width);
  const add = (row: number, sign: number): void => {
    const begin = mirrored(row, height) * width;
    for (let x = 0; x < width; x++) columns[x] += sign * value(begin + x);
  };
  for (let row = -radius; row < radius; row++) add(row, 1);
  for (let y = 0; y < height; y++) {
    add(y + radius, 1);
    let sum = 0;
    for (let x = -radius; x < radius; x++) sum += columns[mirrored(x, width)];
    for (let x = 0; x < width; x++) {
      sum += columns[mirrored(x + radius, width)];
      visit(y * width + x, sum / (side * side));
      sum -= columns[mirrored(x - radius, width)];
    }
    add(y - radius, -1);
  }
}

export function removeLocalLight({ data, width, height }: Gray): Gray {
  const { LOCAL_CONTRAST, MIN_DEVIATION } = constants.local_light;
  const centered = new Float32Array(data.length), result = makeGray(width, height);
  visitWindowMeans(width, height, (i) => data[i], (i, mean) => (centered[i] = data[i] - mean));
  const square = (i: number): number => centered[i] * centered[i];
  visitWindowMeans(width, height, square, (i, mean) => {
    const deviation = Math.sqrt(Math.max(mean, 0));
    const scaled = 128 + (LOCAL_CONTRAST * centered[i]) / (deviation + MIN_DEVIATION);
    result.data[i] = Math.min(Math.max(roundHalfToEven(scaled), 0), 255);
  });
  return result;
}
