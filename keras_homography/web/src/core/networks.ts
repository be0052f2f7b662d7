/** What the search needs of the two networks; `runtime/` runs them. */

import { Features } from "./dense_matching";
import { Gray } from "./gray";
import { Point } from "./matrix";

/** Maps two patches to `h4pt`: how far each corner of patch B is displaced in patch A, pixels. */
export type PatchNetwork = (patchA: Gray, patchB: Gray) => Promise<readonly Point[]>;

/** Maps an image, both sides multiples of 32, to dense features. */
export type FeatureNetwork = (gray: Gray) => Promise<Features>;
