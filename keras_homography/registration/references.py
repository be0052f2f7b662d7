"""A reference: an image that many others are compared with, prepared once."""

import dataclasses

import numpy as np
import numpy.typing as npt

from keras_homography.geometry import arrays
from keras_homography.registration import empty_borders, image_pyramid, masks, view_matching
from keras_homography.utils import image_input
from keras_homography.utils.errors import UserError


@dataclasses.dataclass(frozen=True, eq=False)
class Reference:
    """An image A that was prepared by `HomographyEstimator.prepare`.

    Attributes:
      image: its pyramid and masks.
      features: of its views, each computed when a search first asks for it.
      matcher: the network that computes them.
    """

    image: image_pyramid.PreparedImage
    features: view_matching.ImageFeatures
    matcher: view_matching.FeatureNetwork

    @property
    def gray(self) -> np.ndarray:
        """The image, uint8 `[height, width]`; filled where it is masked."""
        return self.image.pyramid[0]


def prepare(
    matcher: view_matching.FeatureNetwork,
    image_a: npt.ArrayLike,
    mask_a: npt.ArrayLike | None = None,
) -> Reference:
    """Prepare an image.

    Args:
      matcher: the network that computes features.
      image_a: as of `HomographyEstimator.estimate`.
      mask_a: the same.

    Returns:
      The reference.

    Raises:
      UserError: an argument is no such image or mask.
    """
    gray_a = image_input.as_gray(image_a, "image_a")
    counts_a = masks.check_mask(mask_a, arrays.image_size(gray_a), "mask_a")
    image = image_pyramid.prepare(gray_a, empty_borders.find_what_counts(gray_a, counts_a))
    features = view_matching.ImageFeatures(matcher, image.pyramid, image.masks)
    return Reference(image, features, matcher)


def check(
    matcher: view_matching.FeatureNetwork,
    image_a: npt.ArrayLike | Reference,
    mask_a: npt.ArrayLike | None = None,
) -> Reference:
    """Check that a reference is one of an estimator, or prepare an image.

    Args:
      matcher: of the estimator.
      image_a: a reference or an image.
      mask_a: of the image.

    Returns:
      The reference.

    Raises:
      UserError: another estimator prepared it, it is given a second mask, or an argument is no
        such image or mask.
    """
    if not isinstance(image_a, Reference):
        return prepare(matcher, image_a, mask_a)
    if image_a.matcher is not matcher:
        raise UserError("The reference was prepared by another estimator; prepare it by this one.")
    if mask_a is not None:
        raise UserError("A reference has its mask already: give mask_a to prepare.")
    return image_a
