/** Convex polygons: hulls of points, and the pixels that they cover. */

import { Binary } from "./binary_image";
import { makeGray } from "./gray";
import { Point, polygonArea, Size } from "./matrix";

const ONE = 2 ** 16; // a pixel, in the fixed point numbers of OpenCV

/** The convex hull of points (Andrew's monotone chain), without points along its sides. */
export function convexHull(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((p, q) => p[0] - q[0] || p[1] - q[1]);
  const chain = (ordered: readonly Point[]): Point[] => {
    const hull: Point[] = [];
    for (const p of ordered) {
      while (hull.length > 1) {
        const [a, b] = [hull[hull.length - 2], hull[hull.length - 1]];
        if ((b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0]) > 0) break;
        hull.pop();
      }
      hull.push(p);
    }
    return hull.slice(0, -1);
  };
  return [...chain(sorted), ...chain(sorted.reverse())];
}

export function hullArea(points: readonly Point[]): number {
  return polygonArea(convexHull(points));
}

/** Visits the pixels of a line, its ends included, as `cv2.line` draws it. */
function visitLine(p: Point, q: Point, visit: (x: number, y: number) => void): void {
  const [[x, y], [endX, endY]] = p[0] <= q[0] ? [p, q] : [q, p];
  const width = endX - x, height = Math.abs(endY - y), down = endY < y ? -1 : 1;
  const length = Math.max(width, height);
  for (let i = 0; i <= length; i++) {
    // Steps across the line: the nearest pixel, the former one halfway.
    const across = length ? Math.ceil((i * Math.min(width, height)) / length - 0.5) : 0;
    if (width >= height) visit(x + i, y + down * across);
    else visit(x + across, y + down * i);
  }
}

/** Fills a convex polygon with corners at pixels of an image, as `cv2.fillConvexPoly`. */
export function fillConvex(polygon: readonly Point[], { width, height }: Size): Binary {
  const first = new Int32Array(height).fill(width), last = new Int32Array(height).fill(-1);
  const include = (x: number, y: number): void => {
    first[y] = Math.min(first[y], x);
    last[y] = Math.max(last[y], x);
  };
  polygon.forEach((p, i) => {
    const q = polygon[(i + 1) % polygon.length];
    visitLine(p, q, include);
    const [[topX, top], [bottomX, bottom]] = p[1] < q[1] ? [p, q] : [q, p];
    const rows = bottom - top;
    const step = Math.trunc(((bottomX - topX) * ONE * 2 + rows) / (2 * rows));
    for (let y = top; y < bottom; y++) {
      include(Math.floor((topX * ONE + (y - top) * step) / ONE + 0.5), y);
    }
  });
  const filled = makeGray(width, height);
  for (let y = 0; y < height; y++) {
    if (first[y] <= last[y]) filled.data.fill(1, y * width + first[y], y * width + last[y] + 1);
  }
  return filled;
}
