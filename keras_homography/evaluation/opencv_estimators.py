"""OpenCV's estimators, tuned for small patches, and the registry for a user's own.

Each is a function `(patch_a, patch_b) -> h4pt`: uint8 `[size, size]`, gray levels; float64
`[4, 2]`, pixels of the patch (conventions: see `geometry`), or None where it finds no homography.

How they were tuned: on 200 pairs of other images than results are given for, protocol `coco128`,
clean, `photometric` and `occlusion`, for the share under 1 px and the mean together. OpenCV's
defaults are made for large images; on a patch of 128 they find too few keypoints. Implausible
homographies are not returned: see `plausible_offsets`.

Imports no TensorFlow: `--help` lists the names.
"""

import functools
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from keras_homography.evaluation import opencv_ecc, opencv_features
from keras_homography.saving import pretrained
from keras_homography.utils.errors import UserError

PatchEstimator: TypeAlias = Callable[[np.ndarray, np.ndarray], np.ndarray | None]

_RESERVED_NAMES = ("all", "estimator")


def identity(patch_a: np.ndarray, patch_b: np.ndarray) -> np.ndarray:
    """Predict no motion, which every estimator has to beat."""
    return np.zeros((4, 2))


def _bind(make_features: Callable, robust_fit: tuple[int, float]) -> PatchEstimator:
    return functools.partial(opencv_features.from_features, make_features, robust_fit)


ESTIMATORS: dict[str, PatchEstimator] = {
    "identity": identity,
    "orb_ransac": _bind(opencv_features.orb, opencv_features.RANSAC),
    "orb_magsac": _bind(opencv_features.orb, opencv_features.MAGSAC),
    "akaze_ransac": _bind(opencv_features.akaze, opencv_features.RANSAC),
    "akaze_magsac": _bind(opencv_features.akaze, opencv_features.MAGSAC),
    "sift_ransac": _bind(opencv_features.sift, opencv_features.RANSAC),
    "sift_magsac": _bind(opencv_features.sift, opencv_features.MAGSAC),
    "sift_x2_ransac": _bind(opencv_features.double_size_sift, opencv_features.FINE_RANSAC),
    "sift_ecc": functools.partial(
        opencv_ecc.refine_by_ecc, _bind(opencv_features.sift, opencv_features.RANSAC)
    ),
    "ecc": opencv_ecc.ecc,
    "ecc_pyramid": opencv_ecc.ecc_pyramid,
}


def register_estimator(name: str, function: PatchEstimator) -> None:
    """Make an estimator available to `evaluate` by a name.

    Example:
      >>> def phase_correlation(patch_a, patch_b):
      ...     shift, _ = cv2.phaseCorrelate(np.float64(patch_b), np.float64(patch_a))
      ...     return np.tile(shift, (4, 1))
      >>> keras_homography.register_estimator("phase_correlation", phase_correlation)

    Args:
      name: for `--model`, without a comma.
      function: `(patch_a, patch_b) -> h4pt`: uint8 `[size, size]`, gray levels; float `[4, 2]`,
        pixels: corner `c` of patch B lies at `c + h4pt` in patch A; or None for no answer.

    Raises:
      UserError: the name is taken by another estimator or by a shipped model, or cannot be one.
    """
    shipped = pretrained.shipped_models((".keras", ".tflite"))
    if name in (*ESTIMATORS, *_RESERVED_NAMES, *shipped):
        raise UserError(f"There is an estimator {name!r} already: choose another name.")
    if not name or "," in name or name.endswith((".keras", ".tflite")):
        raise UserError(
            f"{name!r} cannot be the name of an estimator: it must not be empty, contain a comma, "
            "or end as a model's file does."
        )
    ESTIMATORS[name] = function


def available_names() -> list[str]:
    """List the names of `ESTIMATORS` that the installed OpenCV can run."""
    return [name for name in ESTIMATORS if not unavailable_reason(name)]


def unavailable_reason(name: str) -> str | None:
    """Say why the installed OpenCV cannot run an estimator of a name; None if it can."""
    if name in ("akaze_ransac", "akaze_magsac") and opencv_features.akaze_constructor() is None:
        return opencv_features.AKAZE_MISSING
    return None
