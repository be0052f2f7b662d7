/** Image pyramids of a pair, and the refinement of a homography from coarse to fine levels. */

import { constants } from "./constants";
import { findContent } from "./empty_borders";
import { Gray } from "./gray";
import { removeLocalLight } from "./local_light";
import { Comparison, refineLevel } from "./lucas_kanade";
import { Level } from "./lucas_kanade_level";
import { fill, Mask, maskLevels } from "./masks";
import {
  corners,
  invert,
  Matrix,
  multiply,
  normalize,
  polygonArea,
  resizing,
  roundHalfToEven,
  Size,
  transform,
} from "./matrix";
import { resizeArea } from "./resize";

/** Halves an image until its shorter side is short; the finest level comes first. */
export function buildPyramid(gray: Gray): Gray[] {
  const levels = [gray];
  for (;;) {
    const { width, height } = levels[levels.length - 1];
    if (Math.min(width, height) < 2 * constants.image_pyramid.MIN_COARSEST_SIDE) return levels;
    const size = { width: Math.floor(width / 2), height: Math.floor(height / 2) };
    levels.push(resizeArea(levels[levels.length - 1], size));
  }
}

/** Index of the level at which images are compared: the finest of at most 320 pixels a side. */
export function comparisonLevel(pyramid: readonly Gray[]): number {
  const limit = constants.image_pyramid.MAX_COMPARISON_SIDE;
  const index = pyramid.findIndex(({ width, height }) => Math.max(width, height) <= limit);
  return index < 0 ? pyramid.length - 1 : index;
}

/** An image, and what is computed of it once: its pyramid, and which parts of it count. */
export class PreparedImage {
  private levels: { pyramid: Gray[]; masks: Mask[] | null } | null = null;

  constructor(readonly gray: Gray) {}

  /** The levels of the image, filled where it is masked. */
  get pyramid(): readonly Gray[] {
    return this.prepared.pyramid;
  }

  /** The levels of its mask: not empty borders; null if all of the image counts. */
  get masks(): readonly Mask[] | null {
    return this.prepared.masks;
  }

  private get prepared() {
    if (!this.levels) {
      const content = findContent(this.gray);
      const pyramid = buildPyramid(content ? fill(this.gray, content) : this.gray);
      this.levels = { pyramid, masks: content && maskLevels(content, pyramid) };
    }
    return this.levels;
  }
}

export interface LevelAt {
  readonly level: Level;
  /** In pixels of the level. */
  readonly levelAFromB: Matrix;
}

/**
 * The pyramids of two images. Every `aFromB` that comes in or goes out is in pixels of the full
 * images; levels are those of B, 0 the finest.
 */
export class ImagePair {
  readonly sizeA: Size;
  readonly sizeB: Size;
  readonly comparisonLevel: number;
  private readonly levels = new Map<string, Level>();
  private readonly prepared = new Map<Gray, Gray>();
  private otherLight: ImagePair | null = null;

  /** `prepare` changes the gray levels that are compared, of each level when it is first used. */
  constructor(
    readonly a: PreparedImage,
    readonly b: PreparedImage,
    private readonly prepare: (gray: Gray) => Gray = (gray) => gray,
  ) {
    [this.sizeA, this.sizeB] = [a.gray, b.gray];
    this.comparisonLevel = comparisonLevel(b.pyramid);
  }

  /** The pair without local brightness and contrast, for parts in other light. */
  get withoutLocalLight(): ImagePair {
    this.otherLight ??= new ImagePair(this.a, this.b, removeLocalLight);
    return this.otherLight;
  }

  /** Compares the images at the comparison level, by regions that agree. */
  compare(aFromB: Matrix): Comparison {
    const { level, levelAFromB } = this.at(aFromB, this.comparisonLevel);
    return new Comparison(level, levelAFromB, null, true);
  }

  /** Misalignment that residuals at the comparison level suggest, in its pixels. */
  disagreement(aFromB: Matrix): number {
    return this.compare(aFromB).disagreement();
  }

  private preparedLevel(gray: Gray): Gray {
    const known = this.prepared.get(gray) ?? this.prepare(gray);
    this.prepared.set(gray, known);
    return known;
  }

  /** The levels of A and B that have about as many pixels for the same part of a scene. */
  at(aFromB: Matrix, index: number): LevelAt {
    const quad = corners(this.sizeB).map((corner) => transform(aFromB, corner));
    const area = Math.max(polygonArea(quad), 1e-6) / (this.sizeB.width * this.sizeB.height);
    const nearest = roundHalfToEven(index + 0.5 * Math.log2(area));
    const indexA = Math.min(Math.max(nearest, 0), this.a.pyramid.length - 1);
    const key = `${indexA} ${index}`;
    const level =
      this.levels.get(key) ??
      new Level(
        this.preparedLevel(this.a.pyramid[indexA]),
        this.preparedLevel(this.b.pyramid[index]),
        this.a.masks?.[indexA],
        this.b.masks?.[index],
      );
    this.levels.set(key, level);
    const levelFromA = resizing(this.sizeA, level.grayA);
    const levelFromB = resizing(this.sizeB, level.grayB);
    return { level, levelAFromB: multiply(levelFromA, aFromB, invert(levelFromB)) };
  }

  /** Refines from the coarsest level to the one at which images are compared. */
  refineToComparisonLevel(aFromB: Matrix, steps: number, byRegions = false): Matrix | null {
    return this.refine(aFromB, this.b.pyramid.length - 1, this.comparisonLevel, steps, byRegions);
  }

  /** Refines on the levels that are finer than the comparison level. */
  refineToFullResolution(aFromB: Matrix, steps: number, byRegions = false): Matrix | null {
    return this.refine(aFromB, this.comparisonLevel - 1, 0, steps, byRegions);
  }

  /**
   * Refines from one level to another, both included; null if it diverges. `byRegions` leaves out
   * whole regions that do not agree.
   */
  refine(
    aFromB: Matrix,
    coarsest: number,
    finest: number,
    steps: number,
    byRegions = false,
  ): Matrix | null {
    for (let index = coarsest; index >= finest; index--) {
      const { level, levelAFromB } = this.at(aFromB, index);
      const refined = refineLevel(level, levelAFromB, steps, byRegions);
      if (!refined) return null;
      const levelFromA = resizing(this.sizeA, level.grayA);
      const levelFromB = resizing(this.sizeB, level.grayB);
      const full = normalize(multiply(invert(levelFromA), refined, levelFromB));
      if (!full) return null;
      aFromB = full;
    }
    return aFromB;
  }
}
