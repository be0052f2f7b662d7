/**
 * Thresholds, weights and sentences of the Python package. Nothing is typed twice: Python writes
 * them into `constants.json` (`keras_homography/web/shared_constants.py`), the page reads that.
 */

type Numbers<Names extends string> = Readonly<Record<Names, number>>;

export interface Constants {
  readonly confidence: Numbers<
    | "BIAS"
    | "FINE_BIAS"
    | "MAX_WINDOWS"
    | "MAX_MATCHES"
    | "MAX_FINE_MATCHES"
    | "MAX_SPREAD"
    | "MIN_PRECISE_SHARE"
    | "MAX_LOG_ODDS"
  > & {
    readonly WEIGHTS: readonly number[];
    readonly FINE_WEIGHTS: readonly number[];
  };
  readonly lucas_kanade_constants: Numbers<
    | "MID_GRAY"
    | "DARKEST"
    | "BRIGHTEST"
    | "MIN_SCALE"
    | "SCALE_FACTOR"
    | "RESIDUAL_FLOOR"
    | "WIDTH"
    | "DAMPING_FLOAT64"
    | "TONE_DAMPING"
    | "MIN_DAMPING"
    | "DISAGREEMENT_FLOOR"
  >;
  readonly lucas_kanade: Numbers<
    | "CONVERGED"
    | "TONE_FITS"
    | "MIN_GRADIENT"
    | "PRECISE"
    | "PRECISE_COUNTS"
    | "PRECISE_AGREES"
    | "FEW_POINTS"
    | "FEW_AROUND"
  >;
  readonly lucas_kanade_level: Numbers<"MAX_POINTS" | "AROUND" | "BORDER" | "NEAREST_DEPTH">;
  readonly lucas_kanade_weights: Numbers<
    "REGION_FITS" | "REGION_COUNTS" | "REGION_AGREES" | "MIN_POINTS"
  >;
  readonly image_pyramid: Numbers<"MIN_COARSEST_SIDE" | "MAX_COMPARISON_SIDE">;
  readonly local_light: Numbers<"LOCAL_SIDE" | "LOCAL_CONTRAST" | "MIN_DEVIATION">;
  readonly alignment_evidence: Numbers<
    | "WINDOW_SIDE"
    | "MIN_TEXTURE"
    | "MIN_CORRELATION"
    | "PART_SIDE"
    | "SEARCH_RADIUS"
    | "MIN_MATCH_CORRELATION"
    | "MAX_DISPLACEMENT"
    | "MIN_PARTS"
    | "NOT_CLOSE"
    | "DISAGREES"
    | "MAX_SCALE"
    | "MAX_STRETCH"
    | "GRID"
  >;
  readonly refusals: Numbers<
    | "MIN_SIDE"
    | "MIN_TEXTURED_SHARE"
    | "MIN_OVERLAP"
    | "MIN_WINDOWS"
    | "MAX_DISPLACED"
    | "REPEATS"
    | "FEATURES_AGREE"
    | "GRAY_AGREES"
    | "OBLIQUE_STRETCH"
  > & { readonly SENTENCES: Readonly<Record<ReasonCode, string>> };
  readonly candidate_search: Numbers<
    | "DOUBTFUL"
    | "LIKELY"
    | "MAX_IN_VAIN"
    | "GAIN"
    | "MIN_INLIERS"
    | "MAX_SHIFTS"
  >;
  readonly candidate: Numbers<
    "GRAY_AGREES" | "GRAY_AGREES_PRECISELY" | "PRECISE" | "MORE_PRECISE" | "GRAY_SAYS_WHICH" | "NEARLY" | "AS_LIKELY"
  >;
  readonly candidate_refinement: Numbers<
    | "SUFFICIENT_CONFIDENCE"
    | "HOPELESS"
    | "NOT_WORTH_REFINING"
    | "RIVALS"
    | "COARSE_STEPS"
    | "FINE_STEPS"
    | "FINE_CORRECTIONS"
    | "NOT_CLOSE"
    | "DISAGREES"
    | "CLEARLY_CLOSER"
    | "REGIONS_DISAGREE"
  >;
  readonly match_evidence: Numbers<
    | "MAX_DISPLACEMENT"
    | "MAX_CORRECTION"
    | "THRESHOLD"
    | "MAX_RESIDUAL"
    | "LEAST_SQUARES_FITS"
    | "MIN_MATCHES"
    | "COARSE_SIDE"
    | "MIN_FINE_SIDE"
    | "MAX_ENLARGEMENT"
  >;
  readonly ambiguity: Numbers<
    | "MIN_SHIFT"
    | "MIN_PEAK"
    | "MIN_OVERLAP"
    | "MIN_AGREEING"
    | "MAX_SHIFTS"
    | "STEPS"
    | "MIN_EXPLAINED"
    | "CLEARLY_BETTER"
    | "CLEAR_LOSS"
    | "MIN_DECIDED"
    | "MIN_DECIDED_SHARE"
    | "GRID"
  >;
  readonly dense_matching: Numbers<"MAX_CELLS">;
  readonly empty_borders: Numbers<
    | "DARKEST"
    | "BRIGHTEST"
    | "MIN_SHARE"
    | "MIN_RUN"
    | "MEDIAN"
    | "OPENING"
    | "MAX_EMPTY_INSIDE"
    | "MARGIN"
  >;
  readonly masks: Numbers<"SAMPLED">;
  readonly matcher_grid: Numbers<
    "COARSE_STRIDE" | "FINE_STRIDE" | "SIZE_MULTIPLE" | "COARSE_CHANNELS" | "FINE_CHANNELS" | "WINDOW"
  >;
  readonly image_views: Numbers<"MAX_SIDE" | "MIN_SIDE">;
  readonly view_matching: Numbers<"THRESHOLD">;
  /** Default of `HomographyEstimator`, and how many attempts come before tilted views. */
  readonly estimator: Numbers<"MIN_CONFIDENCE" | "UNTILTED_ATTEMPTS" | "PATCH_SIZE">;
}

export type ReasonCode =
  | "image_too_small"
  | "image_without_texture"
  | "no_agreement"
  | "too_little_overlap"
  | "overlap_without_texture"
  | "not_one_plane"
  | "not_the_same_scene"
  | "repeats_itself"
  | "too_oblique"
  | "light_too_different";

/** Empty until `setConstants` is called. */
export const constants = {} as Constants;

export function setConstants(values: Constants): void {
  Object.assign(constants, values);
}
