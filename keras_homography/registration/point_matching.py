"""Matched points of two images, without a verdict."""

import numpy as np

from keras_homography.registration import image_pyramid, refusals, view_matching
from keras_homography.registration.image_pyramid import PreparedImage
from keras_homography.registration.result import PointMatches


def match_points(
    matcher: view_matching.FeatureNetwork,
    image_a: PreparedImage,
    image_b: PreparedImage,
    max_attempts: int,
) -> PointMatches:
    """Match points of two images by dense features of their views.

    Args:
      matcher: the network that computes features.
      image_a: the image A; nothing matches where it does not count.
      image_b: the same of B.
      max_attempts: number of pairs of views that are tried.

    Returns:
      The matches, none for images that are too small or have no texture.
    """
    if refusals.check_sizes(image_a.pyramid[0], image_b.pyramid[0]) is None:
        pair = image_pyramid.ImagePair(image_a, image_b)
        if refusals.check_texture(pair) is None:
            features = (
                view_matching.ImageFeatures(matcher, image.pyramid, image.masks)
                for image in (image_a, image_b)
            )
            best = view_matching.ViewMatcher(*features).find_best(max_attempts)
            found = best.matches
            return PointMatches(found.points_a, found.points_b, found.scores, best.inliers)
    nothing = np.empty([0, 2], np.float32)
    return PointMatches(nothing, nothing, np.empty(0, np.float32), np.empty(0, bool))
