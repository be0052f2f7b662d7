"""Arguments of `HomographyEstimator` that are checked."""

import numpy as np
import numpy.typing as npt

from keras_homography.registration.result import Estimate
from keras_homography.utils.errors import UserError


def check_initial(initial_a_from_b: npt.ArrayLike | Estimate | None) -> np.ndarray | None:
    """Check the homography that is to be tried first.

    Args:
      initial_a_from_b: `[3, 3]`, or an earlier result, or None.

    Returns:
      float64 `[3, 3]`; None for None and for a result that was refused.

    Raises:
      UserError: it is no finite matrix.
    """
    if isinstance(initial_a_from_b, Estimate):
        return initial_a_from_b.a_from_b
    if initial_a_from_b is None:
        return None
    try:
        matrix = np.asarray(initial_a_from_b, np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape != (3, 3) or not np.isfinite(matrix).all():
        raise UserError(
            "initial_a_from_b must be a finite matrix of shape (3, 3) or an earlier Estimate; got "
            f"{initial_a_from_b!r:.80}."
        )
    return matrix
