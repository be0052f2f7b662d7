/** Image A in the frame of B, in color and at full size. */

import { invert, Matrix, Size } from "./core/matrix";

const STRIP = 256; // rows that are read or written at once

/** All pixels of a picture, four bytes each. */
function readPixels(bitmap: ImageBitmap): Uint8ClampedArray {
  const { width, height } = bitmap;
  const pixels = new Uint8ClampedArray(4 * width * height);
  const canvas = new OffscreenCanvas(width, Math.min(STRIP, height));
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  for (let top = 0; top < height; top += STRIP) {
    const rows = Math.min(STRIP, height - top);
    context.clearRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -top);
    pixels.set(context.getImageData(0, 0, width, rows).data, 4 * width * top);
  }
  return pixels;
}

/** Warps a picture, bilinear; transparent where it shows nothing. */
export async function warpToPng(bitmap: ImageBitmap, bFromA: Matrix, size: Size): Promise<Blob> {
  const canvas = new OffscreenCanvas(size.width, size.height);
  const context = canvas.getContext("2d")!;
  const pixels = readPixels(bitmap);
  const aFromB = invert(bFromA);
  for (let top = 0; top < size.height; top += STRIP) {
    const rows = Math.min(STRIP, size.height - top);
    const strip = new ImageData(size.width, rows);
    warpRows(pixels, bitmap, aFromB, strip, top);
    context.putImageData(strip, 0, top);
  }
  return canvas.convertToBlob({ type: "image/png" });
}

function warpRows(
  source: Uint8ClampedArray,
  { width, height }: Size,
  m: Matrix,
  strip: ImageData,
  top: number,
): void {
  const { data } = strip;
  for (let row = 0, j = 0; row < strip.height; row++) {
    const y = top + row;
    for (let x = 0; x < strip.width; x++, j += 4) {
      const depth = m[6] * x + m[7] * y + m[8];
      const u = (m[0] * x + m[1] * y + m[2]) / depth, v = (m[3] * x + m[4] * y + m[5]) / depth;
      if (!(u >= 0 && u <= width - 1 && v >= 0 && v <= height - 1)) continue;
      const left = Math.min(Math.floor(u), width - 2), a = u - left;
      const upper = Math.min(Math.floor(v), height - 2), b = v - upper;
      const i = 4 * (upper * width + left), k = i + 4 * width;
      for (let channel = 0; channel < 4; channel++) {
        const above = source[i + channel] + a * (source[i + 4 + channel] - source[i + channel]);
        const below = source[k + channel] + a * (source[k + 4 + channel] - source[k + channel]);
        data[j + channel] = above + b * (below - above);
      }
    }
  }
}
