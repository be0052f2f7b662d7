"""Registry of architectures. Imports neither TensorFlow nor Keras until a model is built."""

import importlib
import inspect
import math
from typing import TYPE_CHECKING, Any

from keras_homography.utils.errors import UserError
from keras_homography.utils.keras_backend import require_tensorflow

if TYPE_CHECKING:
    import keras

# Each is a module of this folder with a function `build`.
ARCHITECTURES = ("cascade", "homographynet", "homographynet_classifier", "matcher", "mobile")


def build(name: str, **options: Any) -> "keras.Model":
    """Build a network of an architecture.

        model = keras_homography.models.build("cascade", patch_size=128, rho=40)
        h4pt = model(pairs)

    Args:
      name: one of `ARCHITECTURES`.
      **options: of its `build` function.

    Returns:
      A functional `keras.Model`: float32 `[n, patch_size, patch_size, 2]`, gray levels in 0..255,
      channel 0 patch A and channel 1 patch B -> first output `h4pt`, float32 `[n, 4, 2]`, pixels;
      a second, `probabilities`, where the architecture has them.

    Raises:
      UserError: there is no such architecture, or an option is unknown or out of its range.
      ImportError: Keras does not run on TensorFlow.
    """
    if name not in ARCHITECTURES:
        raise UserError(f"There is no architecture {name!r}; there are {', '.join(ARCHITECTURES)}.")
    require_tensorflow("keras_homography.models.build")
    build_architecture = importlib.import_module(f"keras_homography.models.{name}").build
    parameters = inspect.signature(build_architecture).parameters
    unknown = sorted(set(options) - set(parameters))
    if unknown:
        raise UserError(f"The architecture {name} has no {', '.join(unknown)}.")
    for option, value in options.items():
        is_number = isinstance(value, (int, float)) and math.isfinite(value)
        if isinstance(parameters[option].default, (int, float)) and not is_number:
            raise UserError(f"{option} of {name} must be a number; got {value!r}.")
    return build_architecture(**options)


def classifies(model: "keras.Model") -> bool:
    """Test whether a model outputs `probabilities` besides `h4pt`."""
    return bool(model.output_names[-1] == "probabilities")


def refine(model: "keras.Model") -> "keras.Model":
    """Attach Lucas–Kanade refinement to a model, in the way that suits its architecture.

    Args:
      model: of `build`.

    Returns:
      A functional `keras.Model` of the same input and outputs, with the same weights.
    """
    from keras_homography.layers import lucas_kanade
    from keras_homography.models import cascade

    return cascade.refine(model) if model.name == "cascade" else lucas_kanade.attach(model)
