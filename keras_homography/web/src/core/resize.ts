/** Resizing of gray images, pixel by pixel what `cv2.resize` gives. */

import { Gray, makeGray } from "./gray";
import { roundHalfToEven, Size } from "./matrix";

/** Which share of which source pixel a pixel along one axis is made of. */
interface AreaTable {
  readonly target: Int32Array;
  readonly source: Int32Array;
  readonly share: Float32Array;
}

export function areaTable(sourceLength: number, targetLength: number): AreaTable {
  const scale = sourceLength / targetLength;
  const target: number[] = [], source: number[] = [], share: number[] = [];
  const add = (t: number, s: number, part: number): void => {
    target.push(t);
    source.push(s);
    share.push(part);
  };
  for (let i = 0; i < targetLength; i++) {
    const begin = i * scale, end = begin + scale;
    const width = Math.min(scale, sourceLength - begin);
    const last = Math.min(Math.floor(end), sourceLength - 1);
    const first = Math.min(Math.ceil(begin), last);
    if (first - begin > 1e-3) add(i, first - 1, (first - begin) / width);
    for (let s = first; s < last; s++) add(i, s, 1 / width);
    if (end - last > 1e-3) add(i, last, Math.min(end - last, 1, width) / width);
  }
  return {
    target: Int32Array.from(target),
    source: Int32Array.from(source),
    share: Float32Array.from(share),
  };
}

/** Resizes as `INTER_AREA`: pixels are means over the area that they cover. */
export function resizeArea(image: Gray, size: Size): Gray {
  if (size.width === image.width && size.height === image.height) return image;
  if (size.width > image.width || size.height > image.height) return interpolated(image, size, true);
  const factorX = image.width / size.width, factorY = image.height / size.height;
  if (factorX === 2 && factorY === 2) return halved(image);
  if (Number.isInteger(factorX) && Number.isInteger(factorY)) {
    return blockMeans(image, size, factorX, factorY);
  }
  return areaMeans(image, size);
}

/** Resizes as `INTER_LINEAR`. */
export function resizeLinear(image: Gray, size: Size): Gray {
  if (image.width === 2 * size.width && image.height === 2 * size.height) return halved(image);
  return interpolated(image, size, false);
}

function halved({ data, width, height }: Gray): Gray {
  const half = makeGray(width / 2, height / 2);
  for (let y = 0, j = 0; y < half.height; y++) {
    for (let x = 0, i = 2 * y * width; x < half.width; x++, i += 2, j++) {
      half.data[j] = (data[i] + data[i + 1] + data[i + width] + data[i + width + 1] + 2) >> 2;
    }
  }
  return half;
}

function blockMeans({ data, width }: Gray, size: Size, factorX: number, factorY: number): Gray {
  const result = makeGray(size.width, size.height);
  const share = Math.fround(1 / (factorX * factorY));
  for (let y = 0, j = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++, j++) {
      let sum = 0;
      for (let row = 0; row < factorY; row++) {
        const begin = (y * factorY + row) * width + x * factorX;
        for (let i = begin; i < begin + factorX; i++) sum += data[i];
      }
      result.data[j] = roundHalfToEven(Math.fround(sum * share));
    }
  }
  return result;
}

function areaMeans({ data, width, height }: Gray, size: Size): Gray {
  const result = makeGray(size.width, size.height);
  const columns = areaTable(width, size.width), rows = areaTable(height, size.height);
  const line = new Float32Array(size.width), sum = new Float32Array(size.width);
  for (let k = 0; k < rows.target.length; k++) {
    line.fill(0);
    const begin = rows.source[k] * width;
    for (let i = 0; i < columns.target.length; i++) {
      line[columns.target[i]] += Math.fround(data[begin + columns.source[i]] * columns.share[i]);
    }
    const share = rows.share[k];
    for (let x = 0; x < size.width; x++) sum[x] += Math.fround(share * line[x]);
    if (rows.target[k] !== rows.target[k + 1]) {
      const out = rows.target[k] * size.width;
      for (let x = 0; x < size.width; x++) result.data[out + x] = roundHalfToEven(sum[x]);
      sum.fill(0);
    }
  }
  return result;
}

/** Where pixels along one axis lie, and the weights of both neighbors, in 2048ths. */
function linearTable(sourceLength: number, targetLength: number, asArea: boolean): Int32Array[] {
  const scale = sourceLength / targetLength;
  const first = new Int32Array(targetLength), second = new Int32Array(targetLength);
  const weight = new Int32Array(targetLength), other = new Int32Array(targetLength);
  for (let i = 0; i < targetLength; i++) {
    let place = Math.floor(i * scale);
    let fraction = Math.fround(i + 1 - (place + 1) / scale);
    fraction = fraction <= 0 ? 0 : fraction - Math.floor(fraction);
    if (!asArea) {
      fraction = Math.fround((i + 0.5) * scale - 0.5);
      place = Math.floor(fraction);
      fraction = Math.fround(fraction - place);
    }
    if (place < 0) [place, fraction] = [0, 0];
    if (place >= sourceLength - 1) [place, fraction] = [sourceLength - 1, 0];
    first[i] = place;
    second[i] = Math.min(place + 1, sourceLength - 1);
    weight[i] = roundHalfToEven(Math.fround(1 - fraction) * 2048);
    other[i] = roundHalfToEven(fraction * 2048);
  }
  return [first, second, weight, other];
}

function interpolated({ data, width, height }: Gray, size: Size, asArea: boolean): Gray {
  const result = makeGray(size.width, size.height);
  const [left, right, leftWeight, rightWeight] = linearTable(width, size.width, asArea);
  const [top, bottom, topWeight, bottomWeight] = linearTable(height, size.height, asArea);
  const across = (row: number, x: number): number =>
    data[row * width + left[x]] * leftWeight[x] + data[row * width + right[x]] * rightWeight[x];
  for (let y = 0, j = 0; y < size.height; y++) {
    for (let x = 0; x < size.width; x++, j++) {
      const upper = (topWeight[y] * (across(top[y], x) >> 4)) >> 16;
      const lower = (bottomWeight[y] * (across(bottom[y], x) >> 4)) >> 16;
      result.data[j] = (upper + lower + 2) >> 2;
    }
  }
  return result;
}
