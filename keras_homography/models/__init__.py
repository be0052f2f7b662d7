"""The architectures by name. To add one, write its file and add a line here."""

import inspect
import math

from keras_homography.layers import lucas_kanade
from keras_homography.models import cascade, homographynet, homographynet_classifier, mobile
from keras_homography.utils.errors import UserError

ARCHITECTURES = {
    "cascade": cascade.build,
    "homographynet": homographynet.build,
    "homographynet_classifier": homographynet_classifier.build,
    "mobile": mobile.build,
}


def build(name, **options):
    """Builds an architecture by its name.

    Args:
      name: a key of `ARCHITECTURES`.
      **options: of its `build` function.

    Returns:
      A functional `keras.Model`: float32 `[n, patch_size, patch_size, 2]`, gray levels in 0..255,
      channel 0 patch A and channel 1 patch B -> first output `h4pt`, float32 `[n, 4, 2]`, pixels;
      a second, `probabilities`, where the architecture has them.

    Raises:
      ValueError: there is no such architecture, or an option is out of its range.
    """
    if name not in ARCHITECTURES:
        raise UserError(
            f"There is no architecture {name!r}; there are {', '.join(sorted(ARCHITECTURES))}."
        )
    build_named = ARCHITECTURES[name]
    parameters = inspect.signature(build_named).parameters
    unknown = sorted(set(options) - set(parameters))
    if unknown:
        raise UserError(f"The architecture {name} has no {', '.join(unknown)}.")
    for option, value in options.items():
        is_number = isinstance(value, (int, float)) and math.isfinite(value)
        if isinstance(parameters[option].default, (int, float)) and not is_number:
            raise UserError(f"{option} of {name} has to be a number; got {value!r}.")
    return build_named(**options)


def classifies(model):
    """Whether a model gives `probabilities` besides `h4pt`."""
    return model.output_names[-1] == "probabilities"


def refine(model):
    """A model with Lucas–Kanade refinement behind it, in the way that suits its architecture.

    Args:
      model: of `build`; the weights are shared with it.

    Returns:
      A functional `keras.Model` of the same input and output.
    """
    return cascade.refine(model) if model.name == "cascade" else lucas_kanade.attach(model)


def _by_name(model):
    """The weights of a model by layer and name, wherever in it the layer lies."""
    return {"/".join(weight.path.split("/")[-2:]): weight for weight in model.weights}


def copy_weights(model, source):
    """Gives a model the weights of another of the same architecture, refined or not.

    Args:
      model: of `build`.
      source: `keras.Model`.

    Raises:
      ValueError: a weight has no counterpart of the same shape in `source`.
    """
    given = _by_name(source)
    for name, weight in _by_name(model).items():
        if name not in given or given[name].shape != weight.shape:
            found = f"of shape {tuple(given[name].shape)}" if name in given else "missing"
            raise UserError(
                f"The weights do not fit: {name} must have the shape {tuple(weight.shape)}, and is "
                f"{found}. Give a model of the same architecture, width and patch size, and for "
                "cascade of the same rho (the shipped model has --rho=40)."
            )
    for name, weight in _by_name(model).items():
        weight.assign(given[name])
