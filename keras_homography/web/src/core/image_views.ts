/** Views of an image for the matcher: reduced, turned by quarter turns. Tilts are not tried here. */

import { constants } from "./constants";
import { Gray, quarterTurned } from "./gray";
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
  const full = pyramid[0];
  const scale = Math.min(1, constants.image_views.MAX_SIDE / Math.max(full.width, full.height));
  const size = {
    width: rounded((full.width * scale) / spec.reduction),
    height: rounded((full.height * scale) / spec.reduction),
  };
  const level = pyramid[levelIndex(pyramid, size)];
  const gray = size.width > level.width ? resizeLinear(level, size) : resizeArea(level, size);
  let viewFromImage = resizing(full, size);
  let { width, height } = size;
  for (let i = 0; i < spec.quarterTurns; i++) {
    // A pixel (x, y) goes to (y, width - 1 - x).
    viewFromImage = multiply([0, 1, 0, -1, 0, width - 1, 0, 0, 1], viewFromImage);
    [width, height] = [height, width];
  }
  return { gray: quarterTurned(gray, spec.quarterTurns), viewFromImage };
}

/** The nearest length that the matcher takes. */
function rounded(length: number): number {
  const multiple = constants.matcher_grid.SIZE_MULTIPLE;
  return Math.max(roundHalfToEven(length / multiple) * multiple, constants.image_views.MIN_SIDE);
}

/** Index of the coarsest level that is not smaller than a size; 0 if all are smaller. */
export function levelIndex(pyramid: readonly Gray[], size: Size): number {
  for (let i = pyramid.length - 1; i > 0; i--) {
    if (pyramid[i].height >= size.height && pyramid[i].width >= size.width) return i;
  }
  return 0;
}
