// Runs the page's ported functions in Node: reads calls from standard input, one JSON object a
// line, `{"function": ..., "arguments": [...]}`, and answers each with a line. Images travel as
// `{"image": base64, "width": ..., "height": ...}`.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { setConstants } from "../../keras_homography/web/src/core/constants";
import { findContent } from "../../keras_homography/web/src/core/empty_borders";
import { estimate } from "../../keras_homography/web/src/core/estimator";
import { writeLuma } from "../../keras_homography/web/src/core/gray";
import { fitLeastSquares } from "../../keras_homography/web/src/core/homography_fit";
import { ImagePair, PreparedImage } from "../../keras_homography/web/src/core/image_pyramid";
import { cover, renderView } from "../../keras_homography/web/src/core/image_views";
import { innerHalf } from "../../keras_homography/web/src/core/distance_transform";
import { findAlternatives } from "../../keras_homography/web/src/core/ambiguity";
import { measureEvidence } from "../../keras_homography/web/src/core/alignment_evidence";
import { measureDisplacedMatches } from "../../keras_homography/web/src/core/displaced_matches";
import { removeLocalLight } from "../../keras_homography/web/src/core/local_light";
import { matchFeatures } from "../../keras_homography/web/src/core/dense_matching";
import { visitProducts } from "../../keras_homography/web/src/core/feature_products";
import { isRefinedByGray } from "../../keras_homography/web/src/core/candidate";
import { CandidateRefinement } from "../../keras_homography/web/src/core/candidate_refinement";
import { featuresOf } from "../../keras_homography/web/src/core/image_features";
import { features, fineFeatures, probability } from "../../keras_homography/web/src/core/confidence";
import { Level } from "../../keras_homography/web/src/core/lucas_kanade_level";
import { fill, maskLevels } from "../../keras_homography/web/src/core/masks";
import { resizeArea, resizeLinear } from "../../keras_homography/web/src/core/resize";
import { fitRobustly } from "../../keras_homography/web/src/core/robust_fit";
import { warp } from "../../keras_homography/web/src/core/warp";
import { openMatcher, openNetwork, startRuntime } from "../../keras_homography/web/src/runtime/litert";

globalThis.navigator ??= {};
globalThis.self = globalThis;

function encode(gray) {
  return {
    image: Buffer.from(gray.data).toString("base64"),
    width: gray.width,
    height: gray.height,
  };
}

function decode(value) {
  if (!value?.image) return value;
  const { image, width, height } = value;
  return { data: new Uint8Array(Buffer.from(image, "base64")), width, height };
}

const pairOf = (a, b) => new ImagePair(new PreparedImage(a), new PreparedImage(b));
let network, matcher;

const functions = {
  async start(constants, wasm, networkFile, matcherFile) {
    setConstants(constants);
    if (!wasm) return null;
    await startRuntime(readFileSync(wasm));
    network = await openNetwork(new Uint8Array(readFileSync(networkFile)));
    matcher = openMatcher(new Uint8Array(readFileSync(matcherFile)));
    return null;
  },
  luma(rgba) {
    const gray = new Uint8Array(rgba.length / 4);
    writeLuma(Uint8ClampedArray.from(rgba), gray);
    return [...gray];
  },
  resizeArea: (image, size) => encode(resizeArea(image, size)),
  resizeLinear: (image, size) => encode(resizeLinear(image, size)),
  warp(image, matrix, size) {
    const { gray, covered } = warp(image, matrix, size);
    return { gray: encode(gray), covered: encode({ ...gray, data: covered }) };
  },
  withoutLocalLight: (image) => encode(removeLocalLight(image)),
  view(image, spec) {
    const { gray, viewFromImage } = renderView(new PreparedImage(image).pyramid, spec);
    return { gray: encode(gray), viewFromImage };
  },
  refine(a, b, matrix, coarse, fine, byRegions) {
    const pair = pairOf(a, b);
    const refined = pair.refineToComparisonLevel(matrix, coarse, byRegions);
    return refined && pair.refineToFullResolution(refined, fine, byRegions);
  },
  sumAround: (gray, mask, values) => [
    ...new Level(gray, gray, undefined, mask ?? undefined).sumAround(Float64Array.from(values)),
  ],
  compare(a, b, matrix) {
    const comparison = pairOf(a, b).compare(matrix);
    return {
      disagreement: comparison.disagreement(),
      leftOutShare: comparison.leftOutShare(),
      preciseShare: comparison.preciseShare(),
    };
  },
  content(image) {
    const content = findContent(image);
    return content && encode(content);
  },
  filled: (image, mask) => encode(fill(image, mask)),
  maskLevels: (mask, sizes) => maskLevels(mask, sizes).map(encode),
  cover(image, mask, spec) {
    const { pyramid } = new PreparedImage(image);
    return [...cover(renderView(pyramid, spec), spec, maskLevels(mask, pyramid)).covered];
  },
  evidence: (a, b, matrix) => measureEvidence(pairOf(a, b), matrix),
  displaced: (a, b, matrix) => measureDisplacedMatches(pairOf(a, b), matrix),
  alternatives: (a, b, matrix) => findAlternatives(pairOf(a, b), matrix),
  innerHalf: (cells, columns) => innerHalf(Uint8Array.from(cells), columns),
  products(a, b) {
    const rows = [], [flatA, flatB] = [a, b].map((features) => Float32Array.from(features.flat()));
    visitProducts(flatA, flatB, a[0].length, (i, products) => {
      rows[i] = [...products.subarray(0, b.length)];
    });
    return rows;
  },
  refineCandidate(a, b, matrix) {
    const pair = pairOf(a, b);
    return new CandidateRefinement(matcher, pair, featuresOf(matcher, pair.b)).refine(matrix);
  },
  isRefinedByGray: (evidence) => isRefinedByGray({ evidence }),
  probability: (evidence) => probability(evidence),
  confidenceFeatures: (evidence) => features(evidence),
  fineConfidenceFeatures: (evidence) => fineFeatures(evidence, evidence.fineMatches),
  leastSquares: (source, target) => fitLeastSquares(source, target),
  robustly: (a, b, threshold) => fitRobustly(a, b, threshold),
  async h4pt(a, b) {
    return network(a, b);
  },
  async features(image) {
    const { rows, columns, coarse, fine, reliability } = await matcher(image);
    return { rows, columns, coarse: [...coarse], fine: [...fine], reliability: [...reliability] };
  },
  async match(a, b) {
    return matchFeatures(await matcher(a), await matcher(b));
  },
  async estimate(a, b, options) {
    const begin = performance.now();
    const result = await estimate(network, matcher, new PreparedImage(a), new PreparedImage(b), options);
    return { ...result, milliseconds: performance.now() - begin };
  },
};

async function serve() {
  for await (const line of createInterface({ input: process.stdin })) {
    const call = JSON.parse(line);
    const result = await functions[call.function](...call.arguments.map(decode));
    process.stdout.write(`${JSON.stringify(result ?? null)}\n`);
  }
}

serve();
