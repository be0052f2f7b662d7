"""The architectures by name. To add one, write its file and add a line here."""

import inspect
import os

if os.environ["KERAS_BACKEND"] != "tensorflow":
    raise ImportError(
        f"KERAS_BACKEND is {os.environ['KERAS_BACKEND']!r}; keras_homography runs on TensorFlow. "
        "Unset it or set KERAS_BACKEND=tensorflow, before Keras is imported."
    )

from keras_homography.models import cascade, homographynet  # after the check: it imports Keras

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
