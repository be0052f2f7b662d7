"""Matched points of two images, without a verdict."""

import numpy as np

from keras_homography.registration import empty_borders, image_pyramid, refusals, view_matching
from keras_homography.registration.result import PointMatches


def match_points(
    matcher: view_matching.FeatureNetwork,
    gray_a: np.ndarray,
    gray_b: np.ndarray,
    max_attempts: int,
) -> PointMatches:
    """Match points of two images by dense features of their views.

    Args:
      matcher: the network that computes features.
      gray_a: uint8 `[height, width]`.
      gray_b: the same.
      max_attempts: number of pairs of views that are tried.

    Returns:
      The matches, none for images that are too small or have no texture.
    """
    if refusals.check_sizes(gray_a, gray_b) is None:
        counts_a, counts_b = map(empty_borders.find_what_counts, (gray_a, gray_b))
        pair = image_pyramid.ImagePair(gray_a, gray_b, counts_a, counts_b)
        if refusals.check_texture(pair) is None:
            features = (
                view_matching.ImageFeatures(matcher, pyramid)
                for pyramid in (pair.pyramid_a, pair.pyramid_b)
            )
            best = view_matching.ViewMatcher(*features).find_best(max_attempts)
            found = best.matches
            return PointMatches(found.points_a, found.points_b, found.scores, best.inliers)
    nothing = np.empty([0, 2], np.float32)
    return PointMatches(nothing, nothing, np.empty(0, np.float32), np.empty(0, bool))
