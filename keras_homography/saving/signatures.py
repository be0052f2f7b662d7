"""Kinds of models: what each takes and gives out, and how two of a kind are compared.

Imports no TensorFlow: programs say in their `--help` what they compare.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from keras_homography.models import matcher_grid
from keras_homography.utils.errors import UserError

if TYPE_CHECKING:
    import keras

Shape: TypeAlias = tuple[int | None, ...]  # None: any size
Outputs: TypeAlias = dict[str, npt.NDArray[np.float32]]

_MATCHER_CHANNELS = {
    "coarse": matcher_grid.COARSE_CHANNELS,
    "fine": matcher_grid.FINE_CHANNELS,
    "reliability": 1,
}


@dataclasses.dataclass(frozen=True)
class Signature:
    """What a kind of model takes and gives out.

    Attributes:
      kind: What a model of it is called, with its article.
      input_name: Of its input.
      output_names: Of its outputs, in the order in which Keras flattens them; the first of them
        alone will do where a model has no others.
      compared: Those by which a file is compared with the model it was written from.
      items: What a batch of inputs is made of, in the plural.
      unit: Of a difference; "" of numbers without one.
      lost: The difference of an item that counts as lost, in words: 1 of the unit.
      aligns: Whether it tells the motion of two images, so that a SavedModel can align them.
    """

    kind: str
    input_name: str
    output_names: tuple[str, ...]
    compared: tuple[str, ...]
    items: str
    unit: str
    lost: str
    aligns: bool

    @property
    def difference_key(self) -> str:
        """The key of the largest difference in reports; it names the unit."""
        return f"largest_difference_{self.unit}" if self.unit else "largest_difference"

    def differences(self, outputs: Outputs, expected: Outputs) -> npt.NDArray[np.float32]:
        """Compute the largest absolute difference of each item, `[n]`."""
        return np.max(
            [
                np.abs(outputs[name] - expected[name]).reshape(len(expected[name]), -1).max(axis=1)
                for name in self.compared
            ],
            axis=0,
        )

    def format(self, difference: float, digits: int) -> str:
        """Write a difference with its unit."""
        return f"{difference:.{digits}g} {self.unit}".rstrip()


PAIRS = Signature(
    kind="a model of pairs",
    input_name="pairs",
    output_names=("h4pt", "probabilities"),
    compared=("h4pt",),
    items="pairs",
    unit="px",
    lost="a pixel",
    aligns=True,
)
MATCHER = Signature(
    kind="a matcher",
    input_name="image",
    output_names=tuple(_MATCHER_CHANNELS),
    compared=tuple(_MATCHER_CHANNELS),
    items="images",
    unit="",
    lost="1",
    aligns=False,
)


def find(input_shape: Shape, outputs: Mapping[str, Shape]) -> Signature | None:
    """Find the kind of a model from the shapes of its input and outputs.

    Args:
      input_shape: With the batch.
      outputs: By name, with the batch; the main one first.

    Returns:
      `PAIRS` for two patches of one square size -> the corner offsets, whatever their name;
      `MATCHER` for a gray image of any size -> its three outputs; else None.
    """
    size, main = input_shape[1:2], next(iter(outputs.values()), ())
    if size != (None,) and input_shape[1:] == (*size, *size, 2) and main[-2:] == (4, 2):
        return PAIRS
    channels = {name: shape[-1] for name, shape in outputs.items() if len(shape) == 4}
    if input_shape[1:] == (None, None, 1) and channels == _MATCHER_CHANNELS:
        return MATCHER
    return None


def shapes_of(model: "keras.Model") -> tuple[list[Shape], dict[str, Shape]]:
    """Return the shapes of the inputs of a Keras model, and of its outputs by name."""
    inputs = [tuple(tensor.shape) for tensor in getattr(model, "inputs", None) or []]
    output = getattr(model, "output", None)
    if isinstance(output, dict):
        named = sorted(output.items())  # the order in which Keras flattens them
    else:
        named = [(str(n), tensor) for n, tensor in enumerate(getattr(model, "outputs", None) or [])]
    return inputs, {name: tuple(tensor.shape) for name, tensor in named}


def of_model(model: "keras.Model", label: object = "The model") -> Signature:
    """Find the kind of a Keras model.

    Args:
      model: Functional.
      label: What it is called in messages, such as its path.

    Raises:
      UserError: It is of none.
    """
    inputs, outputs = shapes_of(model)
    signature = find(inputs[0], outputs) if len(inputs) == 1 else None
    if signature is None:
        raise UserError(
            f"{label} is no model of pairs: its inputs are {inputs} and its outputs "
            f"{list(outputs.values())}; it must have one input (None, size, size, 2), two gray "
            "patches, and the first output must be (None, 4, 2), the corner offsets. Nor is it a "
            "matcher, from (None, None, None, 1) to coarse, fine and reliability."
        )
    return signature


def require(signature: Signature, expected: Signature, label: object) -> None:
    """Raise a `UserError` unless a model is of the kind that is needed.

    Args:
      signature: Of the model.
      expected: The kind that is needed.
      label: What the model is called in messages, such as its path.
    """
    if signature is not expected:
        raise UserError(
            f"{label} is {signature.kind}, which takes {signature.items}; give {expected.kind} "
            "here."
        )
