/**
 * Borders that show nothing: black or white around an image that was rotated, warped or boxed. As
 * `registration/empty_borders.py`.
 */

import { Binary, connectedToFirst, erode, median, open, where } from "./binary_image";
import { constants } from "./constants";
import { convexHull, fillConvex } from "./convex_polygon";
import { Gray, makeGray } from "./gray";
import { Point } from "./matrix";

/**
 * Finds where an image shows something, inside of black or white borders with straight edges.
 *
 * @returns A convex region; null if there are no such borders.
 */
export function findContent(gray: Gray): Binary | null {
  const { DARKEST, BRIGHTEST, MIN_RUN, MEDIAN } = constants.empty_borders;
  const { data } = gray;
  const outline = outlineOf(gray);
  for (const isEmpty of [
    (level: number): boolean => level < DARKEST,
    (level: number): boolean => level > BRIGHTEST,
  ]) {
    if (outline.filter(isEmpty).length < MIN_RUN * outline.length) continue;
    // Noise puts single brighter pixels into a border, speckle single dark ones into the content.
    const content = inside(median(where(gray, (i) => isEmpty(data[i])), MEDIAN));
    if (content) return content;
  }
  return null;
}

/** The gray levels of the first and the last row and column. */
function outlineOf({ data, width, height }: Gray): Uint8Array {
  const columns = Array.from({ length: height }, (_, y) => [data[y * width], data[(y + 1) * width - 1]]);
  return Uint8Array.from([
    ...data.subarray(0, width),
    ...data.subarray((height - 1) * width),
    ...columns.flat(),
  ]);
}

function inside(isEmpty: Binary): Binary | null {
  const { MIN_SHARE, OPENING, MAX_EMPTY_INSIDE, MARGIN } = constants.empty_borders;
  const { width, height } = isEmpty;
  const border = borderOf(isEmpty, OPENING).data;
  // The first and the last pixel of each row have the hull of all.
  const ends: Point[] = [];
  for (let y = 0; y < height; y++) {
    const row = border.subarray(y * width, (y + 1) * width);
    const first = row.indexOf(0);
    if (first >= 0) ends.push([first, y], [row.lastIndexOf(0), y]);
  }
  if (!ends.length) return null;
  const content = fillConvex(convexHull(ends), isEmpty);
  let inner = 0, emptyInside = 0;
  for (let i = 0; i < border.length; i++) {
    inner += content.data[i];
    emptyInside += border[i] & content.data[i];
  }
  const outside = border.length - inner;
  if (outside < MIN_SHARE * border.length || emptyInside > MAX_EMPTY_INSIDE * inner) return null;
  // Only at the border's own edges: what is outside of the image erodes nothing.
  const eroded = erode(content, 2 * MARGIN + 1);
  return eroded.data.includes(1) ? eroded : null;
}

/** What is empty and connected to the outside of the image, but for what is thin. */
function borderOf({ data, width, height }: Binary, side: number): Binary {
  // What lies outside of the image is empty, too: borders are opened, not eaten away at its edge.
  const paddedWidth = width + 2 * side, border = makeGray(width, height);
  const padded = makeGray(paddedWidth, height + 2 * side);
  padded.data.fill(1);
  const begin = (y: number): number => (y + side) * paddedWidth + side;
  for (let y = 0; y < height; y++) {
    padded.data.set(data.subarray(y * width, (y + 1) * width), begin(y));
  }
  const connected = connectedToFirst(open(padded, side)).data;
  for (let y = 0; y < height; y++) {
    border.data.set(connected.subarray(begin(y), begin(y) + width), y * width);
  }
  return border;
}
