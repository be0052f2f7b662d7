/** How well a homography explains two images, window by window, and by matches elsewhere. */

import { constants } from "./constants";
import { hullArea } from "./convex_polygon";
import { Evidence, NO_EVIDENCE } from "./evidence";
import { Gray } from "./gray";
import { ImagePair } from "./image_pyramid";
import { Matrix, Point, Size } from "./matrix";
import { isPlausible } from "./plausibility";

/** Means over windows of something about each pixel. */
function windowMeans(size: Size, value: (i: number) => number): Float64Array {
  const side = constants.alignment_evidence.WINDOW_SIDE;
  const rows = Math.floor(size.height / side), columns = Math.floor(size.width / side);
  const means = new Float64Array(rows * columns);
  for (let y = 0; y < rows * side; y++) {
    const begin = y * size.width, row = Math.floor(y / side) * columns;
    for (let x = 0; x < columns * side; x++) means[row + Math.floor(x / side)] += value(begin + x);
  }
  return means.map((sum) => sum / (side * side));
}

/** Share of the windows of an image that have texture. */
export function texturedShare(gray: Gray): number {
  const { WINDOW_SIDE, MIN_TEXTURE } = constants.alignment_evidence;
  if (Math.min(gray.width, gray.height) < WINDOW_SIDE) return 0;
  const { data } = gray;
  const means = windowMeans(gray, (i) => data[i]);
  const squares = windowMeans(gray, (i) => data[i] * data[i]);
  const textured = squares.filter((square, i) => square - means[i] ** 2 > MIN_TEXTURE ** 2);
  return textured.length / means.length;
}

/** Correlations of windows: NaN where one is not covered or has texture in neither image. */
export interface WindowCorrelations {
  readonly correlations: Float64Array;
  readonly columns: number;
  /** Share of what counts of B that A covers. */
  readonly overlap: number;
  /** Share of B that counts. */
  readonly countedShare: number;
}

/** Correlates A, warped by a homography, with B: window by window, at the comparison level. */
export function windowCorrelations(pair: ImagePair, aFromB: Matrix): WindowCorrelations {
  const { WINDOW_SIDE, MIN_TEXTURE } = constants.alignment_evidence;
  const { level, levelAFromB } = pair.at(aFromB, pair.comparisonLevel);
  const size = level.grayB, b = size.data;
  const { gray, covered } = level.align(levelAFromB);
  const a = gray.data;
  const meanA = windowMeans(size, (i) => a[i]), meanB = windowMeans(size, (i) => b[i]);
  const squareA = windowMeans(size, (i) => a[i] * a[i]);
  const squareB = windowMeans(size, (i) => b[i] * b[i]);
  const product = windowMeans(size, (i) => a[i] * b[i]);
  const share = windowMeans(size, (i) => covered[i]);
  const correlations = meanA.map((_, i) => {
    const varianceA = squareA[i] - meanA[i] ** 2, varianceB = squareB[i] - meanB[i] ** 2;
    const textured = Math.max(varianceA, varianceB) > MIN_TEXTURE ** 2;
    if (!(share[i] > 0.99 && textured)) return NaN;
    return (product[i] - meanA[i] * meanB[i]) / Math.sqrt((varianceA + 1) * (varianceB + 1));
  });
  const overlap = covered.reduce((sum, one) => sum + one, 0) / level.numPixels;
  const columns = Math.floor(size.width / WINDOW_SIDE);
  return { correlations, columns, overlap, countedShare: level.numPixels / b.length };
}

/** Measures how well the windows of two images agree under a homography. */
export function measureEvidence(pair: ImagePair, aFromB: Matrix | null): Evidence {
  if (!aFromB || !isPlausible(aFromB, pair.sizeA, pair.sizeB)) return NO_EVIDENCE;
  const { correlations, columns, overlap, countedShare } = windowCorrelations(pair, aFromB);
  const { DISAGREES, NOT_CLOSE } = constants.alignment_evidence;
  const comparison = pair.compare(aFromB);
  const ofGray = comparison.disagreement();
  const inOtherLight =
    ofGray > NOT_CLOSE ? pair.withoutLocalLight.disagreement(aFromB) : ofGray;
  const agreeing = [...correlations.keys()].filter(
    (i) => correlations[i] > constants.alignment_evidence.MIN_CORRELATION,
  );
  const outlines = agreeing.flatMap((i): Point[] => {
    const x = i % columns, y = Math.floor(i / columns);
    return [[x, y], [x + 1, y], [x, y + 1], [x + 1, y + 1]];
  });
  return {
    ...NO_EVIDENCE,
    overlap,
    windows: correlations.reduce((count, value) => count + (Number.isNaN(value) ? 0 : 1), 0),
    agreeing: agreeing.length,
    spread: agreeing.length
      ? Math.min(1, hullArea(outlines) / correlations.length / countedShare)
      : 0,
    disagreement: ofGray > DISAGREES ? Math.min(ofGray, inOtherLight) : ofGray,
    misalignment: Math.sqrt(ofGray * inOtherLight),
    preciseShare: comparison.preciseShare(),
  };
}
