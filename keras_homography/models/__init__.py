"""The architectures by name. To add one, write its file and add a line here."""

import inspect

from keras_homography import refinement
from keras_homography.models import cascade, homographynet

ARCHITECTURES = {
    "cascade": cascade.build,
    "homographynet": homographynet.build,
}


def build(name, **options):
    """Builds an architecture by its name.

    Args:
      name: a key of `ARCHITECTURES`.
      **options: of its `build` function.

    Returns:
      A functional `keras.Model`: float32 `[n, patch_size, patch_size, 2]`, grey levels in 0..255,
      channel 0 patch A and channel 1 patch B -> first output `h4pt`, float32 `[n, 4, 2]`, pixels.

    Raises:
      ValueError: there is no such architecture, or an option is out of its range.
    """
    if name not in ARCHITECTURES:
        raise ValueError(
            f"There is no architecture {name!r}; there are {', '.join(sorted(ARCHITECTURES))}."
        )
    build_named = ARCHITECTURES[name]
    unknown = sorted(set(options) - set(inspect.signature(build_named).parameters))
    if unknown:
        raise ValueError(f"The architecture {name} has no {', '.join(unknown)}.")
    return build_named(**options)


def refine(model):
    """A model with Lucas–Kanade refinement behind it, in the way that suits its architecture.

    Args:
      model: of `build`; the weights are shared with it.

    Returns:
      A functional `keras.Model` of the same input and output.
    """
    return cascade.refine(model) if model.name == "cascade" else refinement.attach(model)
