"""Copy the weights of one model into another, of larger patches too."""

from typing import TYPE_CHECKING, Any

from keras_homography.utils.errors import UserError

if TYPE_CHECKING:
    import keras
    import numpy as np

_FLATTEN, _DENSE = "flatten", "dense/kernel"  # the map of features that a dense layer reads


def copy_weights(model: "keras.Model", source: "keras.Model") -> None:
    """Copy the weights of another model of the same architecture, refined or not.

    The patches of `model` may be 2, 3, ... times as large: convolutions stay as they are, and a
    dense layer that reads the map of features reads each block of cells as it read their one cell
    before, each cell's weights divided by their number (progressive resizing, as in Karras et al.
    2018). With `rho` as many times as large, offsets grow with the patches.

    Args:
      model: of `build`; its weights are replaced.
      source: `keras.Model`.

    Raises:
      UserError: a weight has no counterpart of the same shape in `source`.
    """
    targets, sources = _weights_by_name(model), _weights_by_name(source)
    values = {name: weight.numpy() for name, weight in sources.items()}
    if _DENSE in values and _DENSE in targets:
        values[_DENSE] = _spread(values[_DENSE], _map_shape(source), _map_shape(model))
    for name, weight in targets.items():
        if name not in values or values[name].shape != tuple(weight.shape):
            received = f"of shape {values[name].shape}" if name in values else "missing"
            raise UserError(
                f"The weights do not fit: {name} must have the shape {tuple(weight.shape)}, and is "
                f"{received}. Give a model of the same architecture and width, for cascade of the "
                "same patch size and rho (the shipped model has --rho=40), for the others of the "
                "same patch size or one that it is a multiple of."
            )
    for name, weight in targets.items():
        weight.assign(values[name])


def _weights_by_name(model: "keras.Model") -> dict[str, Any]:
    """Map layer and name to each weight of a model, wherever in it the layer lies."""
    return {"/".join(weight.path.split("/")[-2:]): weight for weight in model.weights}


def _map_shape(model: "keras.Model") -> tuple[int, int, int]:
    """Height, width and channels of the features that are flattened; zeros if there are none."""
    for layer in model.layers:
        if layer.name == _FLATTEN:
            return tuple(layer.input.shape[1:])
        if hasattr(layer, "layers"):
            shape = _map_shape(layer)
            if any(shape):
                return shape
    return 0, 0, 0


def _spread(
    kernel: "np.ndarray", shape: tuple[int, int, int], larger: tuple[int, int, int]
) -> "np.ndarray":
    """The kernel of a dense layer for a larger map; as it is if the sizes are not multiples."""
    fits = all(shape) and not any(n % k for n, k in zip(larger, shape, strict=True))
    if not fits or larger[2] != shape[2]:
        return kernel
    rows, columns = larger[0] // shape[0], larger[1] // shape[1]
    cells = kernel.reshape(*shape, -1).repeat(rows, axis=0).repeat(columns, axis=1)
    return cells.reshape(-1, kernel.shape[-1]) / (rows * columns)
