"""Conventions for points, corners, offsets and homographies, and functions that follow them.

* A point is `(x, y)` in pixels, `x` right, `y` down; `(0, 0)` is the **center** of the top-left
  pixel, as in OpenCV.
* A patch of size `P` has the corners `(0, 0) (P, 0) (P, P) (0, P)`: top-left, top-right,
  bottom-right, bottom-left. An image of `(width, height)` likewise. This follows the reference code
  that published results compare with; the last pixel's center is at `P - 1`, and the outline of the
  pixels runs from `-0.5` to `P - 0.5`.
* `h4pt`, `[..., 4, 2]`, pixels of the patch: corner `c` of patch B lies at `c + h4pt` in patch A
  (the four-point parameterization of DeTone et al. 2016, section 2).
* A matrix is named by its direction. `a_from_b` maps pixels of B to pixels of A, so that
  `B(x) = A(a_from_b · x)`; the paper calls it H_AB. Its inverse is `b_from_a`.
* Resizing keeps half-pixel centers: a pixel at `x` goes to `(x + 0.5) * scale - 0.5`.

`tensors` is for TensorFlow, batched, float32; its functions are also available here, as in
`geometry.matrix_from_h4pt`. `arrays` is for NumPy, float64, and never imports TensorFlow;
`cameras`, with `geometry.decompose` and `geometry.undistort`, likewise.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_homography.geometry.cameras import PlaneMotion as PlaneMotion
    from keras_homography.geometry.cameras import decompose as decompose
    from keras_homography.geometry.cameras import undistort as undistort
    from keras_homography.geometry.normalized_coordinates import move as move
    from keras_homography.geometry.normalized_coordinates import normalization as normalization
    from keras_homography.geometry.tensors import compose as compose
    from keras_homography.geometry.tensors import corners as corners
    from keras_homography.geometry.tensors import h4pt_from_matrix as h4pt_from_matrix
    from keras_homography.geometry.tensors import invert as invert
    from keras_homography.geometry.tensors import is_convex as is_convex
    from keras_homography.geometry.tensors import matrix_from_h4pt as matrix_from_h4pt
    from keras_homography.geometry.tensors import matrix_from_points as matrix_from_points
    from keras_homography.geometry.tensors import rescale as rescale
    from keras_homography.geometry.tensors import resizing as resizing
    from keras_homography.geometry.tensors import transform_points as transform_points
    from keras_homography.geometry.tensors import translation as translation

# Imported when first used: `arrays` must not import TensorFlow.
_MODULES = {
    "PlaneMotion": "cameras",
    "decompose": "cameras",
    "undistort": "cameras",
    "compose": "tensors",
    "corners": "tensors",
    "h4pt_from_matrix": "tensors",
    "invert": "tensors",
    "is_convex": "tensors",
    "matrix_from_h4pt": "tensors",
    "matrix_from_points": "tensors",
    "move": "normalized_coordinates",
    "normalization": "normalized_coordinates",
    "rescale": "tensors",
    "resizing": "tensors",
    "transform_points": "tensors",
    "translation": "tensors",
}


def __getattr__(name: str) -> Any:
    """Import a function of one of the modules when it is first used."""
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
