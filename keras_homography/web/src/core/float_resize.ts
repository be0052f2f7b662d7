/** Resizing of floating-point images, as `cv2.resize`. */

import { Size } from "./matrix";
import { areaTable } from "./resize";

/** Resizes to a smaller size, as `INTER_AREA`: the means over the area that pixels cover. */
export function shrink(values: Float32Array | Uint8Array, from: Size, to: Size): Float32Array {
  const result = new Float32Array(to.width * to.height);
  const columns = areaTable(from.width, to.width), rows = areaTable(from.height, to.height);
  const line = new Float32Array(to.width);
  for (let k = 0; k < rows.target.length; k++) {
    line.fill(0);
    const begin = rows.source[k] * from.width, out = rows.target[k] * to.width;
    for (let i = 0; i < columns.target.length; i++) {
      line[columns.target[i]] += values[begin + columns.source[i]] * columns.share[i];
    }
    for (let x = 0; x < to.width; x++) result[out + x] += rows.share[k] * line[x];
  }
  return result;
}

/** Visits pixels of an image that is enlarged, as `INTER_LINEAR`: those whose weight is 0. */
export function visitEnlarged(
  values: Float32Array,
  from: Size,
  to: Size,
  weights: Float32Array | Uint8Array,
  visit: (i: number, value: number) => void,
): void {
  const columns = places(from.width, to.width), rows = places(from.height, to.height);
  for (let y = 0, i = 0; y < to.height; y++) {
    const upper = rows.first[y] * from.width, lower = rows.second[y] * from.width;
    for (let x = 0; x < to.width; x++, i++) {
      if (weights[i] > 0) continue;
      const left = columns.first[x], right = columns.second[x], share = columns.share[x];
      const above = values[upper + left] + share * (values[upper + right] - values[upper + left]);
      const below = values[lower + left] + share * (values[lower + right] - values[lower + left]);
      visit(i, above + rows.share[y] * (below - above));
    }
  }
}

/** Both neighbors of pixels along one axis, and the share of the second. */
function places(fromLength: number, toLength: number) {
  const first = new Int32Array(toLength), second = new Int32Array(toLength);
  const share = new Float64Array(toLength);
  for (let i = 0; i < toLength; i++) {
    const place = Math.min(Math.max(((i + 0.5) * fromLength) / toLength - 0.5, 0), fromLength - 1);
    first[i] = Math.floor(place);
    second[i] = Math.min(first[i] + 1, fromLength - 1);
    share[i] = place - first[i];
  }
  return { first, second, share };
}
