"""The conventions of the package: points, corners, offsets and homographies.

* A point is `(x, y)` in pixels, `x` right, `y` down; `(0, 0)` is the **center** of the top-left
  pixel, as in OpenCV.
* A patch of size `P` has the corners `(0, 0) (P, 0) (P, P) (0, P)`: top-left, top-right,
  bottom-right, bottom-left, as in the code that published results compare with. An image of
  `(width, height)` likewise.
* `h4pt`, `[..., 4, 2]`, pixels of the patch: corner `c` of patch B lies at `c + h4pt` in patch A
  (the four-point parameterization of DeTone et al. 2016, section 2).
* A matrix is named by its direction. `a_from_b` maps pixels of B to pixels of A, so that
  `B(x) = A(a_from_b · x)`; the paper calls it H_AB. Its inverse is `b_from_a`.
* Resizing keeps half-pixel centers: a pixel at `x` goes to `(x + 0.5) * scale - 0.5`.

`tensors` is for TensorFlow, batched, float32; its functions are also found here, as in
`geometry.matrix_from_h4pt`. `arrays` is for NumPy, float64, and never imports TensorFlow.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_homography.geometry.tensors import compose as compose
    from keras_homography.geometry.tensors import corners as corners
    from keras_homography.geometry.tensors import h4pt_from_matrix as h4pt_from_matrix
    from keras_homography.geometry.tensors import invert as invert
    from keras_homography.geometry.tensors import is_convex as is_convex
    from keras_homography.geometry.tensors import matrix_from_h4pt as matrix_from_h4pt
    from keras_homography.geometry.tensors import matrix_from_points as matrix_from_points
    from keras_homography.geometry.tensors import move as move
    from keras_homography.geometry.tensors import normalization as normalization
    from keras_homography.geometry.tensors import rescale as rescale
    from keras_homography.geometry.tensors import resizing as resizing
    from keras_homography.geometry.tensors import transform_points as transform_points
    from keras_homography.geometry.tensors import translation as translation


def __getattr__(name: str) -> Any:
    """Find a function of `tensors` once it is asked for: `arrays` must not import TensorFlow."""
    submodules = {"argument_checks", "arrays", "tensors", "warping"}
    if not name.startswith("_") and name not in submodules:
        tensors = importlib.import_module(f"{__name__}.tensors")
        if hasattr(tensors, name):
            return getattr(tensors, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
