/** Binary images: what OpenCV's morphology, median and connected components make of them. */

import { Gray, makeGray } from "./gray";
import { Size } from "./matrix";

/** 1 where a pixel is set, else 0. */
export type Binary = Gray;

/** A binary image of a condition on each pixel. */
export function where({ width, height }: Size, isSet: (i: number) => boolean): Binary {
  const binary = makeGray(width, height);
  for (let i = 0; i < binary.data.length; i++) binary.data[i] = isSet(i) ? 1 : 0;
  return binary;
}

/**
 * Sets the pixels that have at least so many set ones in the square around them, with sums that move
 * along. The edge of the image is repeated outside of it.
 */
function countAround({ data, width, height }: Binary, side: number, least: number): Binary {
  const radius = (side - 1) / 2, result = makeGray(width, height);
  const columns = new Int32Array(width + 2 * radius);
  const add = (y: number, sign: number): void => {
    const begin = Math.min(Math.max(y, 0), height - 1) * width;
    for (let x = 0; x < width; x++) columns[radius + x] += sign * data[begin + x];
  };
  for (let y = -radius; y < radius; y++) add(y, 1);
  for (let y = 0; y < height; y++) {
    add(y + radius, 1);
    columns.fill(columns[radius], 0, radius);
    columns.fill(columns[radius + width - 1], radius + width);
    let sum = 0;
    for (let i = 0; i < side - 1; i++) sum += columns[i];
    for (let x = 0, i = y * width; x < width; x++, i++) {
      sum += columns[x + side - 1];
      result.data[i] = sum >= least ? 1 : 0;
      sum -= columns[x];
    }
    add(y - radius, -1);
  }
  return result;
}

/** The median of squares, as `cv2.medianBlur`: whether most of their pixels are set. */
export function median(binary: Binary, side: number): Binary {
  return countAround(binary, side, (side * side + 1) / 2);
}

/** Erodes by a square, as `cv2.erode`: what lies outside of the image takes nothing away. */
export function erode(binary: Binary, side: number): Binary {
  return countAround(binary, side, side * side);
}

/** Removes what a square does not fit into, as `cv2.MORPH_OPEN`. */
export function open(binary: Binary, side: number): Binary {
  return countAround(erode(binary, side), side, 1);
}

/** The set pixels that neighbors, above, below or beside, connect to the first pixel, if it is set. */
export function connectedToFirst({ data, width, height }: Binary): Binary {
  const connected = makeGray(width, height), reached = connected.data;
  const begins = data[0] ? [0] : [];
  for (let begin = begins.pop(); begin !== undefined; begin = begins.pop()) {
    if (reached[begin]) continue;
    const first = begin - (begin % width), last = first + width - 1;
    let left = begin, right = begin;
    while (left > first && data[left - 1]) left--;
    while (right < last && data[right + 1]) right++;
    reached.fill(1, left, right + 1);
    for (const offset of [-width, width]) {
      if (left + offset < 0 || left + offset >= data.length) continue;
      for (let i = left + offset; i <= right + offset; i++) {
        const isBegin = data[i] && !reached[i] && (i === left + offset || !data[i - 1]);
        if (isBegin) begins.push(i);
      }
    }
  }
  return connected;
}
