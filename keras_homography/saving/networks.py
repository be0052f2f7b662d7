"""Open a network of pairs behind one call, whichever format it is stored in.

TFLite files need LiteRT alone; `.keras` files and SavedModels need TensorFlow.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_homography.saving import model_files, signatures
from keras_homography.utils.errors import UserError

if TYPE_CHECKING:
    from keras_homography.saving.model_files import Model

_Array: TypeAlias = npt.NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class Network:
    """A function from a pair of patches to corner offsets; opened by `open_network`.

    Instances can be pickled: a file is opened again, and checked again, where they are unpickled.

    Attributes:
      patch_size: Side of its patches, in pixels.
    """

    patch_size: int
    _run: Callable[[_Array], _Array] = dataclasses.field(repr=False)
    _reopen: "Callable[[], Network]" = dataclasses.field(repr=False)

    def __call__(self, pairs: _Array) -> _Array:
        """Predict the corner offsets of one pair.

        Args:
          pairs: float32 `[1, patch_size, patch_size, 2]`, gray levels in 0..255, channel 0 patch A
            and channel 1 patch B.

        Returns:
          `h4pt`, float32 `[1, 4, 2]`, pixels.
        """
        return self._run(pairs)

    def __reduce__(self) -> tuple[Callable[..., "Network"], tuple[Any, ...]]:
        """Pickle how it was opened: an interpreter and a traced function cannot be pickled."""
        return self._reopen, ()


def open_network(
    model: "Model" = None, num_threads: int | None = None, trust: bool = False
) -> Network:
    """Open a network.

        network = open_network("runs/mine/model.tflite", num_threads=2)
        h4pt = network(stack_patches(gray_a, gray_b))

    Args:
      model: The path of a `.tflite` or `.keras` file or of a SavedModel's folder; the name of a
        shipped model; a `keras.Model`; or None for the shipped TFLite file.
      num_threads: Threads of a TFLite file; None for LiteRT's default.
      trust: Open a file whatever it contains and wherever it comes from: see `untrusted_models`.

    Returns:
      The network, ready to be called. Threads may share it; with a TFLite file they take turns.

    Raises:
      UserError: There is no such file, it cannot be read, it is not trusted, or it does not map a
        pair of patches to corner offsets.
    """
    opened = model_files.open_model(model, "homography", num_threads, trust)
    inputs, outputs = opened.input_shape, opened.output_shapes
    signature = signatures.find(inputs, outputs)
    if signature is None:
        raise UserError(
            f"{opened.label} is no model of pairs: its input is {inputs} and its output "
            f"{next(iter(outputs.values()), ())}; they must be (1, size, size, 2), two gray "
            "patches, and (1, 4, 2), the corner offsets."
        )
    signatures.require(signature, signatures.PAIRS, opened.label)
    main = next(iter(outputs))

    def run(pairs: _Array) -> _Array:
        return opened.run(pairs)[main]

    reopen = functools.partial(open_network, opened.reopen, num_threads, trust)
    return Network(int(inputs[1] or 0), run, reopen)


def stack_patches(gray_a: np.ndarray, gray_b: np.ndarray) -> _Array:
    """Stack two gray patches `[size, size]` as a network's input, float32 `[1, size, size, 2]`."""
    return np.stack([gray_a, gray_b], axis=-1)[None].astype(np.float32)
