/** How far cells of a region are from its border, as `cv2.distanceTransform` with a 3x3 mask. */

import { median } from "./matrix";

const STRAIGHT = 62587, DIAGONAL = 89738; // 0.955 and 1.3693, in 65536ths of a cell

function distances(cells: Uint8Array, columns: number): Float64Array {
  const rows = cells.length / columns, width = columns + 2;
  const d = new Float64Array((rows + 2) * width); // 0 around the region
  const relax = (i: number, ...neighbors: (readonly [number, number])[]): void => {
    for (const [offset, step] of neighbors) d[i] = Math.min(d[i], d[i + offset] + step);
  };
  const each = (visit: (i: number) => void, backwards: boolean): void => {
    for (let n = 0; n < cells.length; n++) {
      const cell = backwards ? cells.length - 1 - n : n;
      if (cells[cell]) visit((Math.floor(cell / columns) + 1) * width + (cell % columns) + 1);
    }
  };
  each((i) => (d[i] = Infinity), false);
  each((i) => {
    relax(i, [-1, STRAIGHT], [-width, STRAIGHT], [-width - 1, DIAGONAL], [-width + 1, DIAGONAL]);
  }, false);
  each((i) => {
    relax(i, [1, STRAIGHT], [width, STRAIGHT], [width + 1, DIAGONAL], [width - 1, DIAGONAL]);
  }, true);
  return Float64Array.from(cells, (_, n) => d[(Math.floor(n / columns) + 1) * width + (n % columns) + 1]);
}

/** The half of a region that is farthest from its border. */
export function innerHalf(cells: Uint8Array, columns: number): boolean[] {
  const distance = distances(cells, columns);
  const limit = median([...distance].filter((_, i) => cells[i]));
  return [...distance].map((value, i) => cells[i] > 0 && value > limit);
}
