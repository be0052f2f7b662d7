"""Sizes and random range of labeled pairs, as one value.

Imports no TensorFlow: flags and configurations use it before TensorFlow is needed.
"""

import dataclasses

from keras_homography.utils.errors import UserError


@dataclasses.dataclass(frozen=True)
class PairSpec:
    """What labeled pairs are like: sizes in pixels, and how far corners move.

    Example:
      >>> spec = PairSpec(patch_size=64, rho=16, image_width=160, image_height=120)

    Attributes:
      patch_size: side of the square patches.
      rho: largest corner offset along x and along y.
      image_width: width of the images that patches are cut from.
      image_height: height of the images that patches are cut from.
      integer_offsets: whether corner offsets are integers, as in DeTone et al. 2016, instead of
        any real numbers.

    Raises:
      UserError: the patches do not fit into the images with every corner offset, or corners could
        meet.
    """

    patch_size: int = 128
    rho: int = 32
    image_width: int = 320
    image_height: int = 240
    integer_offsets: bool = False

    def __post_init__(self) -> None:
        if self.patch_size < 8:
            raise UserError(f"patch_size must be at least 8 pixels; got {self.patch_size}.")
        if not 0 < self.rho < self.patch_size / 2:
            raise UserError(
                f"rho must be above 0 and below half the patch, or corners can meet: below "
                f"{self.patch_size / 2:g} for patch_size={self.patch_size}; got {self.rho}."
            )
        min_side = self.patch_size + 2 * self.rho
        if min(self.image_height, self.image_width) < min_side:
            raise UserError(
                f"Images of {self.image_width}x{self.image_height} are too small: a patch of "
                f"{self.patch_size} with rho={self.rho} on every side needs at least "
                f"{min_side}x{min_side}. Use larger images, a smaller patch or a smaller rho."
            )
