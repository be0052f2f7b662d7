/** Initializations of a homography by the network of patches: `registration/initialization.py`. */

import { constants } from "./constants";
import { Gray } from "./gray";
import { ImagePair } from "./image_pyramid";
import {
  corners,
  fromFourPoints,
  invert,
  Matrix,
  multiply,
  normalize,
  Point,
  resizing,
} from "./matrix";
import { PatchNetwork } from "./networks";
import { resizeArea, resizeLinear } from "./resize";

function patchSize() {
  const side = constants.estimator.PATCH_SIZE;
  return { width: side, height: side };
}

/** Resizes an image to a patch of the network. */
function resizedPatch(pyramid: readonly Gray[]): Gray {
  const size = patchSize();
  const isLarge = ({ width, height }: Gray): boolean => Math.min(width, height) >= size.width;
  const level = [...pyramid].reverse().find(isLarge) ?? pyramid[0];
  return isLarge(level) ? resizeArea(level, size) : resizeLinear(level, size);
}

/** Homography from pixels of patch B to pixels of patch A; null if it is not finite. */
async function predict(network: PatchNetwork, patchA: Gray, patchB: Gray): Promise<Matrix | null> {
  const offsets = await network(patchA, patchB);
  const square = corners(patchSize());
  const moved = square.map(([x, y], i): Point => [x + offsets[i][0], y + offsets[i][1]]);
  return moved.flat().every(Number.isFinite) ? fromFourPoints(square, moved) : null;
}

/** Estimates a homography from both images at the size of a patch. */
export async function fromNetwork(network: PatchNetwork, pair: ImagePair): Promise<Matrix | null> {
  const patchAFromB = await predict(network, resizedPatch(pair.a.pyramid), resizedPatch(pair.b.pyramid));
  if (!patchAFromB) return null;
  const patchFromA = resizing(pair.sizeA, patchSize());
  return normalize(multiply(invert(patchFromA), patchAFromB, resizing(pair.sizeB, patchSize())));
}
