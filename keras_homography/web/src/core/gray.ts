/** Gray images. */

/** A gray image: `height` rows of `width` gray levels. */
export interface Gray {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export function makeGray(width: number, height: number): Gray {
  return { data: new Uint8Array(width * height), width, height };
}

/**
 * Converts pixels to gray levels, as OpenCV's `COLOR_RGB2GRAY` does.
 *
 * @param rgba Four bytes a pixel; alpha is ignored.
 * @param gray Where the gray levels are written.
 * @param offset Index of the first one.
 */
export function writeLuma(rgba: Uint8ClampedArray, gray: Uint8Array, offset = 0): void {
  for (let i = 0, j = offset; i < rgba.length; i += 4, j++) {
    gray[j] = (9798 * rgba[i] + 19235 * rgba[i + 1] + 3735 * rgba[i + 2] + 16384) >> 15;
  }
}

/** Turns an image counterclockwise by so many quarter turns, as `np.rot90` does. */
export function quarterTurned(image: Gray, turns: number): Gray {
  if (turns === 0) return image;
  const { data, width, height } = image;
  const turned = makeGray(height, width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      turned.data[(width - 1 - x) * height + y] = data[y * width + x];
    }
  }
  return quarterTurned(turned, turns - 1);
}
