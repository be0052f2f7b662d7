"""Open a matcher behind one call, whichever format it is stored in.

TFLite files need LiteRT alone; `.keras` files and SavedModels need TensorFlow.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_homography.models import matcher_grid
from keras_homography.saving import model_files, signatures
from keras_homography.utils.errors import UserError

if TYPE_CHECKING:
    from keras_homography.saving.model_files import Model

_Array: TypeAlias = npt.NDArray[np.float32]
_Features: TypeAlias = tuple[_Array, _Array, _Array]


@dataclasses.dataclass(frozen=True, eq=False)
class FeatureNetwork:
    """A function from an image to its dense features; opened by `open_matcher`.

    Instances can be pickled: a file is opened again, and checked again, where they are unpickled.
    """

    _run: Callable[[_Array], signatures.Outputs] = dataclasses.field(repr=False)
    _reopen: "Callable[[], FeatureNetwork]" = dataclasses.field(repr=False)

    def __call__(self, image: _Array) -> _Features:
        """Compute the features of one image.

        Args:
          image: float32 `[1, height, width, 1]`, gray levels in 0..255; both sides are multiples of
            32.

        Returns:
          `(coarse, fine, reliability)`, float32 `[height / 8, width / 8, 64]`,
          `[height / 4, width / 4, 32]` and `[height / 8, width / 8]`: see `models.matcher.build`.

        Raises:
          UserError: The image has another shape.
        """
        sides, multiple = image.shape[1:3], matcher_grid.SIZE_MULTIPLE
        is_image = image.ndim == 4 and (image.shape[0], image.shape[3]) == (1, 1)
        if not is_image or any(side == 0 or side % multiple for side in sides):
            raise UserError(
                f"A matcher takes [1, height, width, 1], both sides multiples of {multiple}; got "
                f"{list(image.shape)}."
            )
        outputs = self._run(image)
        return outputs["coarse"][0], outputs["fine"][0], outputs["reliability"][0, ..., 0]

    def __reduce__(self) -> tuple[Callable[..., "FeatureNetwork"], tuple[Any, ...]]:
        """Pickle how it was opened: an interpreter and a traced function cannot be pickled."""
        return self._reopen, ()


def open_matcher(
    model: "Model" = None, num_threads: int | None = None, trust: bool = False
) -> FeatureNetwork:
    """Open a matcher.

        matcher = open_matcher("runs/matcher/model.tflite", num_threads=2)
        coarse, fine, reliability = matcher(gray[None, ..., None].astype(np.float32))

    Args:
      model: The path of a `.tflite` or `.keras` file or of a SavedModel's folder; the name of a
        shipped matcher; a `keras.Model`; or None for the shipped TFLite file.
      num_threads: Threads of a TFLite file; None for LiteRT's default.
      trust: Open a file whatever it contains and wherever it comes from: see `untrusted_models`.

    Returns:
      The matcher, ready to be called with images of changing sizes. Threads may share it; with a
      TFLite file they take turns, and a change of size costs time.

    Raises:
      UserError: There is no such file, it cannot be read, it is not trusted, or it is no matcher.
    """
    opened = model_files.open_model(model, "matcher", num_threads, trust)
    signature = signatures.find(opened.input_shape, opened.output_shapes)
    if signature is None:
        raise UserError(
            f"{opened.label} is no matcher: its input is {opened.input_shape} and its outputs are "
            f"{opened.output_shapes}; they must be a gray image of any size, (1, None, None, 1), "
            f"and {', '.join(signatures.MATCHER.output_names)} of "
            f"{matcher_grid.COARSE_CHANNELS}, {matcher_grid.FINE_CHANNELS} and 1 channels."
        )
    signatures.require(signature, signatures.MATCHER, opened.label)
    reopen = functools.partial(open_matcher, opened.reopen, num_threads, trust)
    return FeatureNetwork(opened.run, reopen)
