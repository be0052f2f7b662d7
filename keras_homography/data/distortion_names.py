"""Names of the distortions and the range of their strength.

Imports no TensorFlow: flags and configurations use it before TensorFlow is needed.
"""

from keras_homography.utils.errors import UserError

NO_DISTORTION = "none"
# The position of a name is part of its random sequence: append new ones.
NAMES = ("photometric", "occlusion", "noise", "blur", "low_light", "mixed")
MAX_STRENGTH = 2.0
# Of the pairs that a matcher is trained on: see `imagined_sensors`.
SENSORS = "sensors"


def check(name: str, strength: float) -> None:
    """Check that a distortion exists and that its strength is in range.

    Args:
      name: of the distortion.
      strength: above 0, up to `MAX_STRENGTH`.

    Raises:
      UserError: there is no such distortion, or the strength is out of range.
    """
    if name not in NAMES:
        raise UserError(f"There is no distortion {name!r}; there are {', '.join(NAMES)}.")
    if not 0 < strength <= MAX_STRENGTH:
        raise UserError(
            f"The strength of a distortion must be above 0 and at most {MAX_STRENGTH:g}, 1 being "
            f"the default level; got {strength:g}. For no distortion use 'none'."
        )
