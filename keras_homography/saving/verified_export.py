"""Export a model and compare each exported file with the model."""

import pathlib

import numpy as np

from keras_homography.saving import formats, loading, manifest
from keras_homography.utils import files
from keras_homography.utils.errors import UserError

# Float32 convolutions add up in another order in each runtime.
TOLERANCE = 1e-3  # pixels
# Of files with smaller weights: of the median, and the share that may differ by a pixel or more.
LOSSY_TOLERANCE, LOSSY_LOST = 0.05, 0.01
OF_A_RUN = ("model.keras", "saved_model", "model.tflite")


def _parity_error(name, differences):
    """Why a file is not what the model is; None if it is. Args: differences of pairs, in pixels."""
    # The median: where refinement is lost, rounding alone can send it anywhere.
    median, lost = np.median(differences), np.mean(~(differences < 1.0))
    if name in ("model_float16.tflite", "model_int8.tflite"):
        if median <= LOSSY_TOLERANCE and lost <= LOSSY_LOST:
            return None
        return (
            f"differs from the model by {median:.2g} px (median; {LOSSY_TOLERANCE:g} is "
            f"allowed), and by a pixel or more for {lost:.1%} of the pairs ({LOSSY_LOST:.0%})."
        )
    if median <= TOLERANCE:
        return None
    return (
        f"differs from the model by {median:.2g} px; at most {TOLERANCE:g} is rounding. This is "
        "a fault of the conversion: please report it."
    )


def export(model, output_dir, pairs, names=OF_A_RUN):
    """Writes a model in several formats, reads each back, compares it with the model and lists it
    in the folder's manifest (see `trust`).

    Args:
      model: a float32 `keras.Model` of pairs, not compiled: a compiled loss of ours would need this
        package to load.
      output_dir: an existing folder; the files go there.
      pairs: float32 `[n, size, size, 2]`, real patches to compare on.
      names: of `NAMES`.

    Returns:
      `{file name: largest difference of a corner coordinate from the model, in pixels}`.

    Raises:
      ValueError: a file gives other numbers than the model for most pairs, or, where its weights
        are of less than float32, for too many. It is not left behind.
    """
    expected = loading.predict_h4pt(model, pairs)
    parity = {}
    for name in names:
        write, read = formats.FORMATS[name]
        with files.atomic_write(pathlib.Path(output_dir) / name) as beside:
            write(model, beside)
            differences = np.abs(read(beside)(pairs) - expected).max(axis=(1, 2))
            reason = _parity_error(name, differences)
            if reason:
                raise UserError(f"{name} {reason} It is not written.")
        parity[name] = float(differences.max())
        manifest.write_manifest(output_dir, [name])
    return parity
