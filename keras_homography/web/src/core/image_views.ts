/** Views of an image for the matcher: reduced, turned by quarter turns. Tilts are not tried here. */

import { constants } from "./constants";
import { Gray, makeGray, quarterTurned } from "./gray";
import { Mask } from "./masks";
import { Matrix, multiply, resizing, roundHalfToEven, Size } from "./matrix";
import { resizeArea, resizeLinear } from "./resize";

export interface ViewSpec {
  /** Factor by which it is smaller than the largest view. */
  readonly reduction: number;
  /** Counterclockwise turns by 90 degrees. */
  readonly quarterTurns: number;
}

export interface View {
  /** Both sides are multiples of 32. */
  readonly gray: Gray;
  readonly viewFromImage: Matrix;
  /** 1 for cells of 8x8 pixels that show the image where it counts; null for all of them. */
  readonly covered: Uint8Array | null;
}

export const PLAIN: ViewSpec = { reduction: 1, quarterTurns: 0 };
const HALF: ViewSpec = { reduction: 2, quarterTurns: 0 };

/** Pairs of views to match, the likeliest to succeed first. */
export const ATTEMPTS: readonly (readonly [ViewSpec, ViewSpec])[] = [
  [PLAIN, PLAIN],
  ...[1, 3, 2].map((quarterTurns) => [PLAIN, { reduction: 1, quarterTurns }] as const),
  [HALF, PLAIN],
  [PLAIN, HALF],
];

/** Describes a view in a few words. */
export function describe({ reduction, quarterTurns }: ViewSpec): string {
  if (reduction !== 1) return `reduced ${reduction} times`;
  return quarterTurns ? `turned by ${90 * quarterTurns} degrees` : "plain";
}

/** Renders a view of an image, of at most 640 pixels a side unless it is enlarged. */
export function renderView(pyramid: readonly Gray[], spec: ViewSpec): View {
  const size = sizeOf(spec, pyramid[0]);
  let viewFromImage = resizing(pyramid[0], size);
  let { width, height } = size;
  for (let i = 0; i < spec.quarterTurns; i++) {
    // A pixel (x, y) goes to (y, width - 1 - x).
    viewFromImage = multiply([0, 1, 0, -1, 0, width - 1, 0, 0, 1], viewFromImage);
    [width, height] = [height, width];
  }
  const gray = turnedView(pyramid[levelIndex(pyramid, size)], size, spec);
  return { gray, viewFromImage, covered: null };
}

/** Covers the cells of a view that show anything that is masked. */
export function cover(view: View, spec: ViewSpec, masks: readonly Mask[]): View {
  const size = sizeOf(spec, masks[0]), mask = masks[levelIndex(masks, size)];
  const white = makeGray(mask.width, mask.height);
  mask.data.forEach((one, i) => (white.data[i] = 255 * one));
  const shares = turnedView(white, size, spec), stride = constants.matcher_grid.COARSE_STRIDE;
  const columns = shares.width / stride;
  const covered = new Uint8Array(columns * (shares.height / stride)).fill(1);
  shares.data.forEach((share, i) => {
    const x = i % shares.width, y = Math.floor(i / shares.width);
    if (share < 255) covered[Math.floor(y / stride) * columns + Math.floor(x / stride)] = 0;
  });
  return { ...view, covered };
}

/** The size of a view before it is turned. */
function sizeOf({ reduction }: ViewSpec, { width, height }: Size): Size {
  const scale = Math.min(1, constants.image_views.MAX_SIDE / Math.max(width, height)) / reduction;
  return { width: rounded(width * scale), height: rounded(height * scale) };
}

function turnedView(level: Gray, size: Size, { quarterTurns }: ViewSpec): Gray {
  const gray = size.width > level.width ? resizeLinear(level, size) : resizeArea(level, size);
  return quarterTurned(gray, quarterTurns);
}

/** The nearest length that the matcher takes. */
function rounded(length: number): number {
  const multiple = constants.matcher_grid.SIZE_MULTIPLE;
  return Math.max(roundHalfToEven(length / multiple) * multiple, constants.image_views.MIN_SIDE);
}

/** Index of the coarsest level that is not smaller than a size; 0 if all are smaller. */
export function levelIndex(pyramid: readonly Size[], size: Size): number {
  for (let i = pyramid.length - 1; i > 0; i--) {
    if (pyramid[i].height >= size.height && pyramid[i].width >= size.width) return i;
  }
  return 0;
}
