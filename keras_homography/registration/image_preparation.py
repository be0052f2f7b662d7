"""Images from outside, prepared: gray, without lens distortion, with what counts of them."""

import numpy.typing as npt

from keras_homography.geometry import arrays
from keras_homography.registration import empty_borders, image_pyramid, masks
from keras_homography.utils import image_input


def prepare(
    image: npt.ArrayLike, name: str, mask: npt.ArrayLike | None = None
) -> image_pyramid.PreparedImage:
    """Check an image and its mask, and build their pyramids.

    Args:
      image: as of `HomographyEstimator.estimate`.
      name: "image_a" or "image_b".
      mask: as of `HomographyEstimator.estimate`.

    Returns:
      The image; what is masked or an empty border does not count.

    Raises:
      UserError: an argument is no such image or mask.
    """
    gray = image_input.as_gray(image, name)
    counts = masks.check_mask(mask, arrays.image_size(gray), name.replace("image", "mask"))
    return image_pyramid.prepare(gray, empty_borders.find_what_counts(gray, counts))
