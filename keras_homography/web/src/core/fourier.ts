/** Fourier transforms of sizes that are powers of two. */

/** A complex image, row by row. */
export interface Spectrum {
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
  readonly width: number;
  readonly height: number;
}

/** The smallest power of two that is not smaller. */
export function powerOfTwo(length: number): number {
  return 2 ** Math.ceil(Math.log2(length));
}

/** Transforms in place, along one axis; the inverse is not scaled. */
function transformLines(
  { real, imaginary }: Spectrum,
  length: number,
  stride: number,
  lines: number,
  lineStride: number,
  sign: number,
): void {
  const cosine = new Float64Array(length / 2), sine = new Float64Array(length / 2);
  for (let k = 0; k < length / 2; k++) {
    cosine[k] = Math.cos((2 * Math.PI * k) / length);
    sine[k] = sign * Math.sin((2 * Math.PI * k) / length);
  }
  const re = new Float64Array(length), im = new Float64Array(length);
  const reversed = new Uint32Array(length);
  for (let i = 1; i < length; i++) {
    reversed[i] = (reversed[i >> 1] >> 1) | (i & 1 ? length >> 1 : 0);
  }
  for (let line = 0; line < lines; line++) {
    const begin = line * lineStride;
    let isZero = true; // as lines of the padding are: their transform is, too
    for (let i = 0; i < length; i++) {
      re[i] = real[begin + reversed[i] * stride];
      im[i] = imaginary[begin + reversed[i] * stride];
      isZero &&= re[i] === 0 && im[i] === 0;
    }
    if (isZero) continue;
    for (let half = 1; half < length; half *= 2) {
      const step = length / (2 * half);
      for (let block = 0; block < length; block += 2 * half) {
        for (let k = 0, i = block, j = block + half; k < half; k++, i++, j++) {
          const c = cosine[k * step], s = sine[k * step];
          const x = re[j] * c - im[j] * s, y = re[j] * s + im[j] * c;
          re[j] = re[i] - x;
          im[j] = im[i] - y;
          re[i] += x;
          im[i] += y;
        }
      }
    }
    for (let i = 0; i < length; i++) {
      real[begin + i * stride] = re[i];
      imaginary[begin + i * stride] = im[i];
    }
  }
}

function transform(spectrum: Spectrum, sign: number): void {
  const { width, height } = spectrum;
  transformLines(spectrum, width, 1, height, width, sign);
  transformLines(spectrum, height, width, width, 1, sign);
}

/**
 * Circular correlation of two images: at `(x, y)` the sum of `a(p + (x, y)) * b(p)`.
 *
 * @param spectrum `a` as its real part, `b` as its imaginary part; becomes the correlation.
 * @returns Its real part.
 */
export function correlate(spectrum: Spectrum): Float64Array {
  const { real, imaginary, width, height } = spectrum;
  transform(spectrum, -1);
  // Two real images in one transform: the even and the odd part of their sum.
  const productReal = new Float64Array(real.length), productImaginary = new Float64Array(real.length);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const j = ((height - y) % height) * width + ((width - x) % width);
      const aReal = (real[i] + real[j]) / 2, aImaginary = (imaginary[i] - imaginary[j]) / 2;
      const bReal = (imaginary[i] + imaginary[j]) / 2, bImaginary = (real[j] - real[i]) / 2;
      productReal[i] = aReal * bReal + aImaginary * bImaginary;
      productImaginary[i] = aImaginary * bReal - aReal * bImaginary;
    }
  }
  const product = { real: productReal, imaginary: productImaginary, width, height };
  transform(product, 1);
  return productReal.map((value) => value / productReal.length);
}
