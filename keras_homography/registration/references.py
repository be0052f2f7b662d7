"""A reference: an image that many others are compared with, prepared once."""

import dataclasses

import numpy as np
import numpy.typing as npt

from keras_homography.registration import image_preparation, image_pyramid, view_matching
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
    camera_matrix_a: npt.ArrayLike | None = None,
    distortion_a: npt.ArrayLike | None = None,
) -> Reference:
    """Prepare an image.

    Args:
      matcher: the network that computes features.
      image_a: as of `HomographyEstimator.estimate`.
      mask_a: the same.
      camera_matrix_a: the same.
      distortion_a: the same.

    Returns:
      The reference.

    Raises:
      UserError: an argument is no such image, mask or camera.
    """
    camera = camera_matrix_a, distortion_a
    return of(matcher, image_preparation.prepare(image_a, "image_a", mask_a, *camera))


def of(matcher: view_matching.FeatureNetwork, image_a: image_pyramid.PreparedImage) -> Reference:
    """Make a prepared image a reference.

    Args:
      matcher: the network that computes features.
      image_a: the image.

    Returns:
      The reference.
    """
    features = view_matching.ImageFeatures(matcher, image_a.pyramid, image_a.masks)
    return Reference(image_a, features, matcher)


def check(
    matcher: view_matching.FeatureNetwork,
    image_a: npt.ArrayLike | Reference,
    mask_a: npt.ArrayLike | None = None,
    camera_matrix_a: npt.ArrayLike | None = None,
    distortion_a: npt.ArrayLike | None = None,
) -> Reference:
    """Check that a reference is one of an estimator, or prepare an image.

    Args:
      matcher: of the estimator.
      image_a: a reference or an image.
      mask_a: of the image.
      camera_matrix_a: of the image.
      distortion_a: of the image.

    Returns:
      The reference.

    Raises:
      UserError: another estimator prepared it, it is given a second mask or camera, or an argument
        is no such image, mask or camera.
    """
    if not isinstance(image_a, Reference):
        return prepare(matcher, image_a, mask_a, camera_matrix_a, distortion_a)
    if image_a.matcher is not matcher:
        raise UserError("The reference was prepared by another estimator; prepare it by this one.")
    if mask_a is not None:
        raise UserError("A reference has its mask already: give mask_a to prepare.")
    if camera_matrix_a is not None or distortion_a is not None:
        raise UserError("A reference has its camera already: give camera_matrix_a to prepare.")
    return image_a
