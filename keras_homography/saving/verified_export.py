"""Export a model, read each file back and compare it with the model."""

import pathlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from keras_homography.saving import formats, manifest, signatures, written_models
from keras_homography.utils.errors import UserError

if TYPE_CHECKING:
    import keras

# Float32 convolutions add up in another order in each runtime.
TOLERANCE = 1e-3  # pixels, or units of a feature; of the median
# Of files with weights of less than float32.
LOSSY_TOLERANCE = 0.05  # of the median
LOSSY_MAX_LOST = 0.01  # share of pairs or images that differ by 1 or more


class ParityError(UserError):
    """An exported file does not predict what the model does."""


def export(
    model: "keras.Model",
    output_dir: str | pathlib.Path,
    inputs: npt.NDArray[np.float32] | Sequence[npt.NDArray[np.float32]],
    format_names: Iterable[str] = formats.RUN_FORMATS,
) -> dict[str, float]:
    """Write a model in several formats, read each file back and compare it with the model.

    What agrees is listed in the folder's `manifest.json`.

    Example:
      >>> model = keras_homography.load_pretrained()
      >>> differences = verified_export.export(model, "phone", pairs, ["tflite", "float16"])

    Args:
      model: A float32 `keras.Model`, of pairs or a matcher, not compiled: a compiled loss of ours
        would need this package to load.
      output_dir: An existing folder.
      inputs: Real patches or images to compare on, float32 `[n, size, size, 2]` or
        `[n, height, width, 1]`; several arrays of several sizes for a matcher.
      format_names: Of `formats.FORMATS`.

    Returns:
      `{file name: largest difference from the model}`: of a corner coordinate, in pixels, or of a
      matcher's features.

    Raises:
      ParityError: A file differs from the model for most inputs, or, if its weights have less than
        float32, for too many. It is not left behind; what was there before stays.
      UserError: A file of the same name is there that the manifest does not list.
    """
    from keras_homography.saving import loading

    format_names = list(format_names)
    names = [formats.FORMATS[name].file_name for name in format_names]
    manifest.check_replaceable(output_dir, names)
    signature = signatures.of_model(model)
    batches = [inputs] if isinstance(inputs, np.ndarray) else list(inputs)
    expected = [loading.predict(model, batch) for batch in batches]
    parity = {}
    for name in format_names:
        file_format = formats.FORMATS[name]
        with manifest.replace(output_dir, file_format.file_name) as path:
            file_format.write(model, path)
            predict = file_format.read(path)
            differences = np.concatenate(
                [
                    signature.differences(predict(batch), outputs)
                    for batch, outputs in zip(batches, expected, strict=True)
                ]
            )
            _check_parity(file_format, signature, differences)
            if path.is_dir():  # a SavedModel: it opens here without --trust_model
                written_models.record(manifest.digest(path))
        parity[file_format.file_name] = float(differences.max())
    return parity


def _check_parity(
    file_format: formats.Format, signature: signatures.Signature, differences: np.ndarray
) -> None:
    """Raise a `ParityError` if a file is not the model.

    Args:
      file_format: Of the file.
      signature: Of the model.
      differences: From the model, of each pair or image, `[n]`.
    """
    # Medians: where Lucas–Kanade does not converge, rounding alone can send it anywhere.
    median, lost = np.median(differences), np.mean(~(differences < 1.0))
    name = f"{file_format.file_name} differs from the model by {signature.format(median, 2)}"
    if file_format.is_lossy and not (median <= LOSSY_TOLERANCE and lost <= LOSSY_MAX_LOST):
        raise ParityError(
            f"{name} (median; {LOSSY_TOLERANCE:g} is allowed), and by {signature.lost} or more for "
            f"{lost:.1%} of the {signature.items} ({LOSSY_MAX_LOST:.0%}). It is not written."
        )
    if not file_format.is_lossy and not median <= TOLERANCE:
        raise ParityError(
            f"{name}; at most {TOLERANCE:g} is rounding. This is a fault of the conversion: please "
            "report it. It is not written."
        )
