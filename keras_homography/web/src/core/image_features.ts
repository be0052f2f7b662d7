/** Features of views of one image: `view_matching.ImageFeatures` in Python. */

import { Features, masked } from "./dense_matching";
import { PreparedImage } from "./image_pyramid";
import { cover, renderView, View, ViewSpec } from "./image_views";
import { FeatureNetwork } from "./networks";

export interface ViewFeatures {
  readonly view: View;
  readonly features: Features;
}

/** Computes the features of a view; cells that do not show the image match nothing. */
export async function computeFeatures(
  network: FeatureNetwork,
  { gray, covered }: Pick<View, "gray" | "covered">,
): Promise<Features> {
  const features = await network(gray);
  return covered ? masked(features, covered, true) : features;
}

const known = new WeakMap<PreparedImage, ImageFeatures>();

/** Features of an image, kept for as long as it is: A is the same for all frames of a camera. */
export function featuresOf(network: FeatureNetwork, image: PreparedImage): ImageFeatures {
  const features = known.get(image) ?? new ImageFeatures(network, image);
  known.set(image, features);
  return features;
}

/** Features of views, each computed when it is first used. */
export class ImageFeatures {
  private readonly views = new Map<string, ViewFeatures>();

  constructor(
    private readonly network: FeatureNetwork,
    private readonly image: PreparedImage,
  ) {}

  async of(spec: ViewSpec): Promise<ViewFeatures> {
    const key = `${spec.reduction} ${spec.quarterTurns}`;
    let computed = this.views.get(key);
    if (!computed) {
      const { pyramid, masks } = this.image;
      const rendered = renderView(pyramid, spec);
      const view = masks ? cover(rendered, spec, masks) : rendered;
      computed = { view, features: await computeFeatures(this.network, view) };
      this.views.set(key, computed);
    }
    return computed;
  }
}
