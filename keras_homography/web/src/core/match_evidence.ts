/**
 * How well a homography agrees with dense features: matches after alignment, which should not
 * move. As `registration/match_evidence.py`.
 */

import { constants } from "./constants";
import { hullArea } from "./convex_polygon";
import { masked, matchFeatures, Matches } from "./dense_matching";
import { innerHalf } from "./distance_transform";
import { MatchEvidence, NO_MATCHES } from "./evidence";
import { fitLeastSquares } from "./homography_fit";
import { computeFeatures, ImageFeatures } from "./image_features";
import { ImagePair } from "./image_pyramid";
import { levelIndex, View } from "./image_views";
import { invert, Matrix, median, multiply, normalize, resizing, transform } from "./matrix";
import { FeatureNetwork } from "./networks";
import { fitRobustly } from "./robust_fit";

/** Matches of A, aligned by a homography, with B. */
export class AlignedMatches {
  private readonly displacement: number[];

  constructor(
    readonly aFromB: Matrix,
    private readonly view: View,
    private readonly matches: Matches,
    private readonly inner: readonly boolean[],
  ) {
    this.displacement = matches.pointsA.map(([x, y], i) =>
      Math.hypot(matches.pointsB[i][0] - x, matches.pointsB[i][1] - y),
    );
  }

  /** Counts the matches that stay in their place. */
  evidence(): MatchEvidence {
    const { displacement, inner, matches } = this;
    const agreeing = [...displacement.keys()].filter(
      (i) => displacement[i] < constants.match_evidence.MAX_DISPLACEMENT,
    );
    if (!agreeing.length) return { ...NO_MATCHES, matches: displacement.length };
    const { gray, covered } = this.view;
    const countedShare = covered ? covered.reduce((sum, one) => sum + one, 0) / covered.length : 1;
    const countedPixels = gray.data.length * Math.max(countedShare, 1e-6);
    const area = hullArea(agreeing.map((i) => matches.pointsA[i]));
    return {
      matches: displacement.length,
      agreeing: agreeing.length,
      spread: Math.min(1, area / countedPixels),
      residual: median(agreeing.map((i) => displacement[i])),
      innerMatches: inner.filter(Boolean).length,
      innerAgreeing: agreeing.filter((i) => inner[i]).length,
    };
  }

  /** Corrects the homography so that matches stay in their place; null if too few say how. */
  correction(): Matrix | null {
    const c = constants.match_evidence;
    const near = [...this.displacement.keys()].filter(
      (i) => this.displacement[i] < c.MAX_CORRECTION,
    );
    const pointsA = near.map((i) => this.matches.pointsA[i]);
    const pointsB = near.map((i) => this.matches.pointsB[i]);
    const robust = fitRobustly(pointsB, pointsA, c.THRESHOLD);
    let alignedFromB = robust.bFromA;
    let agree = [...near.keys()].filter((i) => robust.inliers[i]);
    // All that agree, not a threshold's choice of them: their errors are larger than it.
    for (let fit = 0; fit < c.LEAST_SQUARES_FITS; fit++) {
      if (!alignedFromB || agree.length < c.MIN_MATCHES) return null;
      const matrix: Matrix = alignedFromB;
      const residual = pointsB.map((point, i) => {
        const [x, y] = transform(matrix, point);
        return Math.hypot(x - pointsA[i][0], y - pointsA[i][1]);
      });
      const limit = c.MAX_RESIDUAL * Math.max(median(agree.map((i) => residual[i])), 0.5);
      agree = [...near.keys()].filter((i) => residual[i] < limit);
      alignedFromB = fitLeastSquares(agree.map((i) => pointsB[i]), agree.map((i) => pointsA[i]));
    }
    if (!alignedFromB) return null;
    const { viewFromImage } = this.view;
    return normalize(multiply(this.aFromB, invert(viewFromImage), alignedFromB, viewFromImage));
  }
}

/** Matches A, aligned by homographies, with B. */
export class AlignedMatcher {
  constructor(
    private readonly network: FeatureNetwork,
    private readonly pair: ImagePair,
    private readonly featuresB: ImageFeatures,
  ) {}

  /** Matches A, warped into a view of B of at most 320 pixels a side, with that view. */
  match(aFromB: Matrix): Promise<AlignedMatches> {
    return this.matchIn(aFromB, Math.max(1, this.side / constants.match_evidence.COARSE_SIDE));
  }

  /** Does the same in the largest view; small images are enlarged, for more cells. */
  matchFinely(aFromB: Matrix): Promise<AlignedMatches> {
    const { MIN_FINE_SIDE, MAX_ENLARGEMENT } = constants.match_evidence;
    const reduction = Math.min(Math.max(this.side / MIN_FINE_SIDE, 1 / MAX_ENLARGEMENT), 1);
    return this.matchIn(aFromB, reduction);
  }

  private get side(): number {
    const { width, height } = this.pair.sizeB;
    return Math.min(Math.max(width, height), constants.image_views.MAX_SIDE);
  }

  private async matchIn(aFromB: Matrix, reduction: number): Promise<AlignedMatches> {
    const { pair } = this;
    const { view, features } = await this.featuresB.of({ reduction, quarterTurns: 0 });
    const size = view.gray, { columns, rows } = features;
    const { level, levelAFromB } = pair.at(aFromB, levelIndex(pair.b.pyramid, size));
    const levelFromB = resizing(pair.sizeB, level.grayB);
    const viewFromA = multiply(view.viewFromImage, invert(multiply(levelAFromB, levelFromB)));
    const { gray, covered } = level.warp(viewFromA, size);
    fillUncovered(gray.data, covered);
    const stride = constants.matcher_grid.COARSE_STRIDE;
    const cells = Uint8Array.from({ length: rows * columns }, (_, i) => {
      const x = (i % columns) * stride + stride / 2, y = Math.floor(i / columns) * stride + stride / 2;
      return covered[y * size.width + x] & (view.covered?.[i] ?? 1);
    });
    const featuresA = await computeFeatures(this.network, { gray, covered: cells });
    // Cells of B that A does not cover have nothing to match.
    const matches = matchFeatures(featuresA, masked(features, cells, false));
    const isInner = innerHalf(cells, columns);
    const cellOf = matches.pointsA.map(
      ([x, y]) => Math.floor(y / stride) * columns + Math.floor(x / stride),
    );
    const usable = [...cellOf.keys()].filter((i) => cells[cellOf[i]]);
    const chosen = {
      pointsA: usable.map((i) => matches.pointsA[i]),
      pointsB: usable.map((i) => matches.pointsB[i]),
    };
    return new AlignedMatches(aFromB, view, chosen, usable.map((i) => isInner[cellOf[i]]));
  }
}

/** Gives pixels that are not covered the mean of the others. */
function fillUncovered(gray: Uint8Array, covered: Uint8Array): void {
  let sum = 0, count = 0;
  for (let i = 0; i < gray.length; i++) {
    sum += covered[i] ? gray[i] : 0;
    count += covered[i];
  }
  if (!count) return;
  const mean = Math.floor(sum / count);
  for (let i = 0; i < gray.length; i++) if (!covered[i]) gray[i] = mean;
}
