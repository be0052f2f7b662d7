"""Images from outside, prepared: gray, without lens distortion, with what counts of them."""

import numpy as np
import numpy.typing as npt

from keras_homography.geometry import arrays, cameras
from keras_homography.registration import empty_borders, image_pyramid, masks
from keras_homography.utils import image_input
from keras_homography.utils.errors import UserError


def prepare(
    image: npt.ArrayLike,
    name: str,
    mask: npt.ArrayLike | None = None,
    camera_matrix: npt.ArrayLike | None = None,
    distortion: npt.ArrayLike | None = None,
) -> image_pyramid.PreparedImage:
    """Check an image and its mask, remove lens distortion, and build their pyramids.

    Args:
      image: as of `HomographyEstimator.estimate`.
      name: "image_a" or "image_b".
      mask: as of `HomographyEstimator.estimate`.
      camera_matrix: the same.
      distortion: the same.

    Returns:
      The image; what is masked, an empty border or not seen by the camera does not count.

    Raises:
      UserError: an argument is no such image, mask or camera, there is distortion without a camera
        matrix, or nothing is left of the image.
    """
    gray = image_input.as_gray(image, name)
    counts = masks.check_mask(mask, arrays.image_size(gray), name.replace("image", "mask"))
    counts = empty_borders.find_what_counts(gray, counts)
    matrix_name = name.replace("image", "camera_matrix")
    if camera_matrix is not None:
        cameras.check_camera_matrix(camera_matrix, matrix_name)
        gray, seen = cameras.undistort(gray, camera_matrix, distortion)
        if counts is not None:
            share = np.where(counts, 255, 0).astype(np.uint8)
            seen &= cameras.undistort(share, camera_matrix, distortion)[0] == 255
        if not seen.any():
            raise UserError(f"Nothing is left of {name} without the distortion of its lens.")
        counts = None if seen.all() else seen
    elif distortion is not None:
        raise UserError(f"{name.replace('image', 'distortion')} needs {matrix_name}.")
    return image_pyramid.prepare(gray, counts)
