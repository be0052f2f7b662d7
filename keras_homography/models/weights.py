"""Copy the weights of one model into another: of larger patches, or of more channels, too."""

from typing import TYPE_CHECKING, Any

from keras_homography.utils.errors import UserError

if TYPE_CHECKING:
    import keras
    import numpy as np

_FLATTEN, _DENSE = "flatten", "dense/kernel"  # the map of features that a dense layer reads
_WIDENED = {"Conv2D", "Dense", "BatchNormalization"}


def copy_weights(model: "keras.Model", source: "keras.Model") -> None:
    """Copy the weights of another model of the same architecture, refined or not.

    The patches of `model` may be 2, 3, ... times as large: convolutions stay as they are, and a
    dense layer that reads the map of features reads each block of cells as it read their one cell
    before, each cell's weights divided by their number (progressive resizing, as in Karras et al.
    2018). With `rho` as many times as large, offsets grow with the patches.

    HomographyNet may be 2, 3, ... times as wide: each channel is repeated, and what is read from it
    is shared out among its copies, unequally so that they can learn different things. The answers
    stay (Net2Net, Chen et al. 2016, section 2.2).

    Args:
      model: of `build`; its weights are replaced.
      source: `keras.Model`.

    Raises:
      UserError: a weight has no counterpart of the same shape in `source`.
    """
    targets, sources = _weights_by_name(model), _weights_by_name(source)
    values = {name: weight.numpy() for name, weight in sources.items()}
    source_map, target_map = _map_shape(source), _map_shape(model)
    if _DENSE in values and _DENSE in targets:
        values[_DENSE] = _spread(values[_DENSE], source_map, target_map)
    if any(target_map) and _layer_types(model) <= _WIDENED:
        cells = target_map[0] * target_map[1]
        values = {
            name: _widen(value, tuple(targets[name].shape), cells if name == _DENSE else 1)
            for name, value in values.items()
            if name in targets
        }
    for name, weight in targets.items():
        if name not in values or values[name].shape != tuple(weight.shape):
            received = f"of shape {values[name].shape}" if name in values else "missing"
            raise UserError(
                f"The weights do not fit: {name} must have the shape {tuple(weight.shape)}, and is "
                f"{received}. Give a model of the same architecture and width (homographynet: or "
                "one that it is a multiple of), for cascade of the same patch size and rho (the "
                "shipped model has --rho=40), for the others of the same patch size or one that "
                "it is a multiple of."
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


def _layer_types(model: "keras.Model") -> set[str]:
    """The classes of the layers that have weights."""
    return {type(layer).__name__ for layer in model.layers if layer.weights}


def _spread(
    kernel: "np.ndarray", shape: tuple[int, int, int], larger: tuple[int, int, int]
) -> "np.ndarray":
    """The kernel of a dense layer for a larger map; as it is if the sizes are not multiples."""
    if not all(shape) or any(n % k for n, k in zip(larger[:2], shape[:2], strict=True)):
        return kernel
    rows, columns = larger[0] // shape[0], larger[1] // shape[1]
    cells = kernel.reshape(*shape, -1).repeat(rows, axis=0).repeat(columns, axis=1)
    return cells.reshape(-1, kernel.shape[-1]) / (rows * columns)


def _widen(value: "np.ndarray", shape: tuple[int, ...], cells: int) -> "np.ndarray":
    """A weight for more channels of input, of output, or both; as it is if no multiple.

    Args:
      value: Kernel `[..., in, out]`, or a vector with a value a channel.
      shape: The shape that is wanted.
      cells: Cells of the map that a dense layer reads, each with all channels; else 1.
    """
    import numpy as np  # late, as this module is imported where only names are needed

    if value.ndim != len(shape) or any(n % k for n, k in zip(shape, value.shape, strict=True)):
        return value
    widened = value.repeat(shape[-1] // value.shape[-1], axis=-1)
    if value.ndim == 1 or shape[-2] == value.shape[-2]:
        return widened
    copies = shape[-2] // value.shape[-2]
    channels = (cells, value.shape[-2] // cells) if cells > 1 else (value.shape[-2],)
    parts = widened.reshape(*value.shape[:-2], *channels, 1, -1)
    shares = np.random.default_rng(0).uniform(
        0.5, 1.5, (*parts.shape[:-2], copies, parts.shape[-1])
    )
    shares /= shares.sum(axis=-2, keepdims=True)
    return (parts * shares).reshape(shape).astype(value.dtype)
